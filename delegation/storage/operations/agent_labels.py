"""Labels that stick to agents, for a group of operations.

They need no lock: whoever has seen a result asks again only after it was written.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from delegation.storage.schema import agent_labels
from delegation.storage.statements import insert_or_raise, of_keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delegation.storage.operations.operation import Transaction

_LABELS: Final = of_keys(
    sa.select(agent_labels.c.agent, agent_labels.c.label, agent_labels.c.until_ms), agent_labels.c.agent
)
_STICK: Final = insert_or_raise(agent_labels, "until_ms")


class AgentLabels:
    """What is known, in one transaction, of the labels of agents."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._labels: dict[str, dict[str, int]] = {}
        self._unwritten: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._labels)

    def forget(self) -> None:
        """Forget what was read, and what sticks and was not written."""
        self._labels.clear()
        self._unwritten.clear()

    def open(self, agents: Iterable[str]) -> None:
        """Read the labels of agents."""
        unread = sorted(set(agents).difference(self._labels))
        if unread:
            self._labels.update({agent: {} for agent in unread})
            for agent, label, until_ms in self._transaction.rows_of(_LABELS, agent=unread):
                self._labels[agent][label] = until_ms

    def sticking(self, agents: Iterable[str], now_ms: int) -> frozenset[str]:
        """Give the labels that stick to agents at a time."""
        return frozenset(
            label for agent in agents for label, until_ms in self._labels[agent].items() if until_ms > now_ms
        )

    def stick(self, agents: Iterable[str], labels: Iterable[str], until_ms: int) -> None:
        """Have labels stick to agents until a time; those that stick for longer stay as they are."""
        for agent, label in itertools.product(agents, labels):
            if self._labels[agent].get(label, 0) < until_ms:
                self._labels[agent][label] = self._unwritten[agent, label] = until_ms

    def write(self) -> None:
        """Write what sticks."""
        if self._unwritten:
            self._transaction.insert(_STICK, [(*of, until_ms) for of, until_ms in self._unwritten.items()])
            self._unwritten.clear()
