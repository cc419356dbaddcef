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
from delegation.storage.schema import agent_history
from delegation.storage.statements import insert_or_leave, insert_or_replace, of_keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from delegation.core.trust import Effect
    from delegation.storage.operations.operation import Transaction
    from delegation.storage.sessions import ActingAgent

_BEGIN: Final = insert_or_leave(agent_history)
_HISTORIES: Final = of_keys(sa.select(agent_history.c.agent, agent_history.c.history), agent_history.c.agent, lock=True)
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

    def permitted(self, acting: ActingAgent, effects: Collection[Effect]) -> None:
        """Count a call that was permitted."""
        known = self._of(acting)
        known.change(known.history.after_call(effects, now_ms=acting.now_ms, until_ms=acting.until_ms))

    def denied(self, acting: ActingAgent) -> None:
        """Count a call that was refused."""
        known = self._of(acting)
        known.change(known.history.after_denial(now_ms=acting.now_ms, until_ms=acting.until_ms))

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
