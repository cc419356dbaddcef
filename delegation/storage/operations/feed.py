"""Writes to the revocation feed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

import sqlalchemy as sa

from delegation.storage.operations.operation import Lock, Operation, Transaction
from delegation.storage.preconditions import REVOCATION_KEPT_MS
from delegation.storage.rows import REVOCATIONS
from delegation.storage.schema import revocations, tasks
from delegation.storage.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delegation.storage.records import RevocationRecord

POSITIONS_LOST: Final = 2**32
"""More positions than can have been given out since a backup; and a fraction of those that an integer holds."""

_TASK: Final = "task"
_TASK_EXPIRES = Statement(sa.select(tasks.c.expires_ms).where(tasks.c.task_id == sa.bindparam("task_id")))
_ADD = Statement(REVOCATIONS.insert())
_STANDING = Statement(
    sa.select(revocations.c.kind, revocations.c.id, revocations.c.position, revocations.c.expires_ms)
    .where(revocations.c.kind == sa.bindparam("kind"), revocations.c.id == sa.bindparam("id"))
    .order_by(revocations.c.position.desc())
    .limit(1)
)


def enter(transaction: Transaction, revocation: RevocationRecord) -> int:
    """Enter a revocation unless one that lasts as long stands; return the position of what stands."""
    (position,) = enter_all(transaction, [revocation])
    return position


def enter_all(transaction: Transaction, entries: Sequence[RevocationRecord]) -> list[int]:
    """Do so with revocations of different things, in their order."""
    things: list[dict[str, object]] = [{"kind": str(entry.kind), "id": entry.id} for entry in entries]
    positions: dict[tuple[str, bytes], int] = {}
    lasting: dict[tuple[str, bytes], int] = {}
    for kind, id_, position, expires_ms in transaction.each(_STANDING, things):
        positions[kind, id_], lasting[kind, id_] = position, expires_ms
    new = [entry for entry in entries if lasting.get((str(entry.kind), entry.id), -1) < entry.expires_ms]
    if new:
        first = transaction.move_head(len(new)) - len(new) + 1
        numbered = [replace(entry, position=position) for position, entry in enumerate(new, first)]
        transaction.insert(_ADD, map(REVOCATIONS.to_row, numbered))
        positions |= {(str(entry.kind), entry.id): entry.position for entry in numbered}
    return [positions[str(entry.kind), entry.id] for entry in entries]


@dataclass(frozen=True, slots=True)
class Rejoin(Operation[int]):
    """See `Storage.rejoin`."""

    lock: ClassVar[Lock] = Lock.EXCLUSIVE
    ahead_of: int
    proofs_until_ms: int

    def apply(self, transaction: Transaction) -> int:
        """Move head and horizon."""
        transaction.move_horizon(self.proofs_until_ms)
        behind = max(0, self.ahead_of - transaction.head())
        return transaction.move_head(behind + POSITIONS_LOST)


@dataclass(frozen=True, slots=True)
class Revoke(Operation[int]):
    """See `Storage.revoke`."""

    lock: ClassVar[Lock] = Lock.EXCLUSIVE
    revocations: Sequence[RevocationRecord]

    def apply(self, transaction: Transaction) -> int:
        """Enter all; the last position is the one from which all hold."""
        positions = [enter(transaction, _long_enough(transaction, revocation)) for revocation in self.revocations]
        return max(positions, default=transaction.head())


def _long_enough(transaction: Transaction, revocation: RevocationRecord) -> RevocationRecord:
    """Let a task's revocation last as long as its grant, which may have been renewed a moment ago."""
    if revocation.kind != _TASK:
        return revocation
    row = transaction.one(_TASK_EXPIRES, task_id=revocation.id)
    if row is None:
        return revocation
    return replace(revocation, expires_ms=max(revocation.expires_ms, int(row[0]) + REVOCATION_KEPT_MS))
