"""What agents did lately, for a group of operations: locked and read once, counted on, written once.

An agent acts in many tasks at once, so its row is a lock of its own. It is taken after those of all tasks, in the order
of the agents' ids. A row that is missing is made before the first one is locked: whoever waits for somebody's new row
must hold none that the other may want.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from delegation.core.agent_history import AgentHistory, RecentActs
from delegation.errors import StorageError
from delegation.storage.rows import stored_history
from delegation.storage.schema import agent_acts, agent_history
from delegation.storage.statements import insert_or_leave, insert_or_replace, of_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from delegation.core.trust import Effect
    from delegation.storage.operations.operation import Transaction
    from delegation.storage.sessions import Act, ActingAgent

_BEGIN: Final = insert_or_leave(agent_history)
_HISTORIES: Final = of_keys(sa.select(agent_history.c.agent, agent_history.c.history), agent_history.c.agent, lock=True)
_ACTS: Final = of_keys(sa.select(agent_acts.c.proof_id), agent_acts.c.proof_id)
_ADD_ACT: Final = insert_or_leave(agent_acts)
_SET_HISTORY: Final = insert_or_replace(agent_history)
_EMPTY: Final = AgentHistory().text()


@dataclass(slots=True)
class _Known:
    """One agent's. Its text is read when it is needed: one that cannot be read is the trouble of its own decisions."""

    stored: str
    read: AgentHistory | None = None
    changed: bool = False

    @property
    def history(self) -> AgentHistory:
        if self.read is None:
            self.read = stored_history(self.stored)
        return self.read

    def change(self, history: AgentHistory) -> None:
        self.read, self.changed = history, True


class AgentHistories:
    """What is known, in one transaction, of what agents did."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._known: dict[str, _Known] = {}

    def forget(self) -> None:
        """Forget what was read, and what was counted and not written."""
        self._known.clear()

    def open(self, wanted: Iterable[ActingAgent]) -> None:
        """Lock and read the histories of agents."""
        until = {acting.agent: acting.until_ms for acting in wanted if acting.agent not in self._known}
        if not until:
            return
        agents = sorted(until)
        self._transaction.insert(_BEGIN, [(agent, _EMPTY, until[agent]) for agent in agents])
        rows = self._transaction.rows_of(_HISTORIES, agent=agents)
        self._known.update({agent: _Known(text) for agent, text in rows})

    def recent(self, acting: ActingAgent) -> RecentActs:
        """Give what an agent did lately. Raises `StorageError` if it cannot be read."""
        return self._of(acting).history.recent(acting.now_ms)

    def permitted(self, acting: ActingAgent, effects: frozenset[Effect]) -> None:
        """Count a call that was permitted."""
        known = self._of(acting)
        known.change(known.history.after_call(effects, now_ms=acting.now_ms, until_ms=acting.until_ms))

    def denied(self, acting: ActingAgent) -> None:
        """Count a call that was refused."""
        known = self._of(acting)
        known.change(known.history.after_denial(now_ms=acting.now_ms, until_ms=acting.until_ms))

    def recorded(self, acting: ActingAgent, acts: Sequence[Act]) -> None:
        """Count calls that a guard has recorded, each once, however often it records them."""
        proof_ids = [act.proof_id for act in acts if act.proof_id]
        rows = self._transaction.rows_of(_ACTS, proof_id=proof_ids) if proof_ids else []
        counted = {bytes(proof_id) for (proof_id,) in rows}
        new = [act for act in acts if act.proof_id not in counted]
        for act in new:
            self.permitted(acting, act.effects)
        # One that is recorded last thing before it is too old is forgotten a period later.
        until_ms = acting.until_ms + (acting.until_ms - acting.now_ms)
        self._transaction.insert(_ADD_ACT, [(act.proof_id, until_ms) for act in new if act.proof_id])

    def write(self) -> None:
        """Write what was counted."""
        changed = [(agent, known) for agent, known in self._known.items() if known.changed]
        if changed:
            rows = [(agent, known.history.text(), known.history.until_ms) for agent, known in changed]
            self._transaction.insert(_SET_HISTORY, rows)
        for _, known in changed:
            known.changed = False

    def _of(self, acting: ActingAgent) -> _Known:
        if acting.agent not in self._known:
            raise StorageError("storage_unavailable", "the history of an agent is gone")
        return self._known[acting.agent]
