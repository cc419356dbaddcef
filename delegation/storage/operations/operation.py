"""What a write is, and what it sees of the transaction that it runs in.

SQLite lets one transaction write at a time. PostgreSQL runs each at READ COMMITTED beside those of
other replicas, so what an operation reads may have changed when it writes. Three things make up for it:

- `Lock`: the feed's head moves and used proofs are forgotten under the exclusive lock only; a fence is checked, and
  a proof used, under the shared one.
- What is inserted has a unique key. Where another was faster, the operation runs once more, and finds it.
- What is read to be changed is selected `with_for_update()`. The states of tasks that a group changes are locked before
  it writes anything, in the order of their keys (`sessions`).
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from delegation.errors import StorageError
from delegation.storage import schema
from delegation.storage.operations.sessions import Sessions, Wanted
from delegation.storage.preconditions import Fence
from delegation.storage.refused_writes import OfferedError, RevokedMeanwhileError, WriteRefusedError
from delegation.storage.statements import KeyedSelect, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")
Row = tuple[Any, ...]

_MARKS: Final = Statement(
    sa.select(
        sa.select(schema.feed_head.c.position).scalar_subquery(),
        sa.select(schema.horizons.c.until_ms).where(schema.horizons.c.of == "proofs").scalar_subquery(),
    )
)
_MOVE_HEAD: Final = Statement(
    sa.update(schema.feed_head)
    .where(schema.feed_head.c.position == sa.bindparam("before"))
    .values(position=sa.bindparam("head"))
)
_NEWER: Final = Statement(
    sa.select(schema.revocations.c.kind, schema.revocations.c.id, schema.revocations.c.position).where(
        schema.revocations.c.position > sa.bindparam("after")
    )
)
_MOVE_HORIZON: Final = Statement(
    sa.update(schema.horizons).where(schema.horizons.c.of == "proofs").values(until_ms=sa.bindparam("until"))
)

_OFFERED: Final = Statement(
    sa.select(schema.offers.c.offer_digest).where(schema.offers.c.offer_digest == sa.bindparam("offer_digest"))
)


class Lock(enum.IntEnum):
    """What a transaction keeps others from, until it ends."""

    NONE = 0
    SHARED = 1
    """The feed's head stays where it is, and no used proof is forgotten."""
    EXCLUSIVE = 2
    """Nobody else holds either lock."""


class Marks(NamedTuple):
    """How far things are, as a transaction has read it."""

    head: int
    horizon_ms: int


class Transaction(ABC):
    """What an operation sees of the open transaction."""

    def __init__(self) -> None:
        self._marks: Marks | None = None
        self._newer: dict[int, list[Row]] = {}
        self.sessions = Sessions(self)

    @abstractmethod
    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return all rows."""

    @abstractmethod
    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row."""

    @abstractmethod
    def rows_of(self, statement: KeyedSelect, **keys: Sequence[object]) -> list[Row]:
        """Return the rows of several keys, for a statement of `of_keys`; PostgreSQL may return others, too."""

    @abstractmethod
    def change(self, statement: Statement, **values: object) -> int:
        """Run an update or delete; return how many rows it changed."""

    @abstractmethod
    def insert(self, statement: Statement, rows: Iterable[Row]) -> None:
        """Insert rows, each in the order of the statement's parameters."""

    def each(self, statement: Statement, values: Sequence[dict[str, object]]) -> list[Row]:
        """Ask the same of many; return the rows of all that have one."""
        found = [self.one(statement, **each) for each in values]
        return [row for row in found if row is not None]

    def change_each(self, statement: Statement, values: Sequence[dict[str, object]]) -> None:
        """Run the same update or delete for many."""
        for each in values:
            self.change(statement, **each)

    def judged_now_ms(self, now_ms: int) -> int:
        """Return the time to judge by whether something is over: never later than the database's own, if it has one.

        One replica's clock may be ahead, and what it forgets is forgotten for all.
        """
        return now_ms

    def head(self) -> int:
        """Return the revocation feed's last position."""
        return self._read_marks().head

    def horizon(self) -> int:
        """Return the time up to which used proofs may have been forgotten."""
        return self._read_marks().horizon_ms

    def _read_marks(self) -> Marks:
        if self._marks is None:
            row = self.one(_MARKS)
            if row is None or None in row:
                raise StorageError("storage_unavailable", "the database has lost its feed's head or its horizon")
            self._marks = Marks(*row)
        return self._marks

    def move_head(self, by: int) -> int:
        """Move the feed's head, by compare-and-set, whatever the locks are worth; return where it is then."""
        marks = self._read_marks()
        head = marks.head + by
        if self.change(_MOVE_HEAD, before=marks.head, head=head) != 1:
            raise StorageError("storage_unavailable", "the feed's head moved under its lock")
        self._newer.clear()
        self._marks = marks._replace(head=head)
        return head

    def check(self, fence: Fence | None) -> None:
        """Raise `RevokedMeanwhileError` if anything behind the fence was revoked after its position."""
        if fence is None or fence.position == self.head():
            return
        if fence.position > self.head():
            raise StorageError("storage_unavailable", "the database is behind what was decided from it")
        if fence.position not in self._newer:
            self._newer[fence.position] = self.all(_NEWER, after=fence.position)
        for kind, revoked_id, position in self._newer[fence.position]:
            if (kind, revoked_id) in fence.rests_on:
                raise RevokedMeanwhileError(kind, revoked_id, position)

    def require_not_offered(self, offers: Sequence[bytes]) -> None:
        """Raise `OfferedError` if one of these offers is kept."""
        for digest in offers:
            if self.one(_OFFERED, offer_digest=digest) is not None:
                raise OfferedError("the key was offered")

    def move_horizon(self, until_ms: int) -> None:
        """Note that used proofs are forgotten up to a time."""
        if until_ms > self.horizon():
            self.change(_MOVE_HORIZON, until=until_ms)
            self._marks = self._read_marks()._replace(horizon_ms=until_ms)

    def forget(self) -> None:
        """Forget what was read: it may have been undone."""
        self._marks = None
        self._newer.clear()
        self.sessions.forget()

    def go_on(self) -> None:
        """Go on in the next transaction, where everything is as this one has left it: nobody else has written."""
        self._newer.clear()
        self.sessions.go_on()


class Operation(ABC, Generic[T]):
    """One write; atomic by itself."""

    lock: ClassVar[Lock] = Lock.NONE
    """What it needs besides what its fence does."""
    leaves_known: ClassVar[bool] = False
    """Whether its transaction knows, after it, what it has changed: marks not at all, states by `sessions` alone."""

    @property
    def brief(self) -> bool:
        """Whether it is a few rows: made in less time than it takes to hand it to another thread."""
        return False

    def wants(self) -> tuple[Wanted, ...]:
        """Tell what it will look at of the states of tasks."""
        return ()

    @abstractmethod
    def apply(self, transaction: Transaction) -> T:
        """Make the write and return its result; whatever is raised undoes it. May be run again after that."""


class SharedOperation(Operation[T]):
    """A write of which a group makes several for hardly more than the price of one."""

    @classmethod
    @abstractmethod
    def apply_all(cls, transaction: Transaction, operations: Sequence[Any]) -> Sequence[T | WriteRefusedError]:
        """Make the writes, all of this class; return each one's result or what refuses it.

        Whatever is raised undoes all.
        """

    def apply(self, transaction: Transaction) -> T:
        """Make this one."""
        (result,) = self.apply_all(transaction, [self])
        if isinstance(result, WriteRefusedError):
            raise result
        return result


class Insertion(NamedTuple, Generic[T]):
    """The rows that make a write if nothing stands against it, and its result then."""

    result: T
    rows: Sequence[tuple[Statement, Row]]


class InsertOperation(Operation[T]):
    """A write that is only inserts, unless something like it is there already."""

    @property
    def brief(self) -> bool:
        """So it is, unless it says otherwise."""
        return True

    @abstractmethod
    def plan(self, transaction: Transaction) -> Insertion[T]:
        """Return the rows to insert; an exception refuses the write for good."""


def lock_of(operations: Iterable[Operation[Any]]) -> Lock:
    """Tell which lock a group needs, from its start to its end."""
    wanted = Lock.NONE
    for operation in operations:
        judges = any(getattr(operation, what, None) for what in ("fence", "proof", "ran"))
        wanted = max(wanted, Lock.SHARED if judges else Lock.NONE, operation.lock)
    return wanted
