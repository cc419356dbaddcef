"""The writing thread's session: one group of operations is one transaction.

Operations that only insert are tried together, one `executemany` a table; others follow, each
behind a savepoint. If anything stands against the common insert it is undone, and every
operation of the group runs behind a savepoint of its own: each gets its own answer and none
spoils another's.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from delegation.errors import Conflict, DelegationError, StorageError
from delegation.storage import schema
from delegation.storage.port import Fence, RevokedMeanwhileError, WriteRefusedError
from delegation.storage.sqlite.compiled import Compiled, compiled
from delegation.storage.sqlite.connection import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")
Row = tuple[Any, ...]

_HEAD = compiled(sa.select(schema.feed_head.c.position))
_SET_HEAD = compiled(sa.update(schema.feed_head).values(position=sa.bindparam("head")))
_NEWER = compiled(
    sa.select(schema.revocations.c.kind, schema.revocations.c.id, schema.revocations.c.position).where(
        schema.revocations.c.position > sa.bindparam("after")
    )
)


class Transaction:
    """What an operation sees of the open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._head: int | None = None
        self._newer: dict[int, list[Row]] = {}

    def one(self, statement: Compiled, **values: object) -> Row | None:
        """Return the first row."""
        row: Row | None = self._connection.execute(statement.text, statement.bind(values)).fetchone()
        return row

    def change(self, statement: Compiled, **values: object) -> int:
        """Run an update or delete; return how many rows it changed."""
        return self._connection.execute(statement.text, statement.bind(values)).rowcount

    def insert(self, statement: Compiled, rows: Iterable[Row]) -> None:
        """Insert rows, each in the order of the statement's parameters."""
        self._connection.executemany(statement.text, rows)

    def head(self) -> int:
        """Return the revocation feed's last position."""
        if self._head is None:
            row = self.one(_HEAD)
            if row is None:
                raise StorageError("storage_unavailable", "the database has lost its feed's head")
            self._head = int(row[0])
        return self._head

    def next_position(self) -> int:
        """Give out the feed's next position."""
        position = self.head() + 1
        self.change(_SET_HEAD, head=position)
        self.forget()
        self._head = position
        return position

    def check(self, fence: Fence | None) -> None:
        """Raise `RevokedMeanwhileError` if anything behind the fence was revoked after its position."""
        if fence is None or fence.position == self.head():
            return
        if fence.position > self.head():
            raise StorageError("storage_unavailable", "the database is behind what was decided from it")
        if fence.position not in self._newer:
            self._newer[fence.position] = self._connection.execute(_NEWER.text, (fence.position,)).fetchall()
        for kind, revoked_id, position in self._newer[fence.position]:
            if (kind, revoked_id) in fence.rests_on:
                raise RevokedMeanwhileError(kind, revoked_id, position)

    def forget(self) -> None:
        """Forget what was read: it may have been undone."""
        self._head = None
        self._newer.clear()


class Operation(ABC, Generic[T]):
    """One write; atomic by itself."""

    @abstractmethod
    def apply(self, transaction: Transaction) -> T:
        """Make the write and return its result; whatever is raised undoes it."""


class Insertion(NamedTuple, Generic[T]):
    """The rows that make a write if nothing stands against it, and its result then."""

    result: T
    rows: Sequence[tuple[Compiled, Row]]


class InsertOperation(Operation[T]):
    """A write that is only inserts, unless something like it is there already."""

    @abstractmethod
    def plan(self, transaction: Transaction) -> Insertion[T]:
        """Return the rows to insert; an exception refuses the write for good."""


class SqliteSession:
    """Runs groups of operations on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def run(self, operations: Sequence[Operation[Any]]) -> list[object]:
        """Commit a group; each operation's result or exception, in order."""
        try:
            results = self._together(operations)
            if results is None:
                self._connection.execute("ROLLBACK")
                transaction = self._begin()
                results = [self._alone(transaction, operation) for operation in operations]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            # Nothing of the group is in; the next one may find the disk or the lock free again.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return [unavailable(error) for _ in operations]
        return results

    def _begin(self) -> Transaction:
        self._connection.execute("BEGIN IMMEDIATE")
        return Transaction(self._connection)

    def _together(self, operations: Sequence[Operation[Any]]) -> list[object] | None:
        """Insert for all that only insert, then run the others; None if something stood against it."""
        transaction = self._begin()
        results: dict[int, object] = {}
        inserts: dict[str, tuple[Compiled, list[Row]]] = {}
        try:
            for place, operation in enumerate(operations):
                if isinstance(operation, InsertOperation):
                    results[place] = _planned(transaction, operation, inserts)
            for statement, rows in inserts.values():
                transaction.insert(statement, rows)
        except Exception as error:
            if _fails_all(error):
                raise
            return None
        return [
            results[place] if place in results else self._alone(transaction, operation)
            for place, operation in enumerate(operations)
        ]

    def _alone(self, transaction: Transaction, operation: Operation[Any]) -> object:
        self._connection.execute("SAVEPOINT alone")
        try:
            result = operation.apply(transaction)
        except Exception as error:
            if _fails_all(error):
                raise
            self._connection.execute("ROLLBACK TO alone")
            self._connection.execute("RELEASE alone")
            transaction.forget()
            return _refusal(error)
        self._connection.execute("RELEASE alone")
        return result


def _planned(
    transaction: Transaction,
    operation: InsertOperation[Any],
    inserts: dict[str, tuple[Compiled, list[Row]]],
) -> object:
    try:
        plan = operation.plan(transaction)
    except (DelegationError, WriteRefusedError) as refused:
        return refused
    for statement, row in plan.rows:
        inserts.setdefault(statement.text, (statement, []))[1].append(row)
    return plan.result


def _fails_all(error: Exception) -> bool:
    """Tell an error of the database itself from one that a single write brought upon itself."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
    )


def _refusal(error: Exception) -> Exception:
    if isinstance(error, (DelegationError, WriteRefusedError)):
        return error
    if isinstance(error, sqlite3.IntegrityError):
        refusal: DelegationError = Conflict("something of that name is recorded already")
    else:  # a value that the database cannot hold
        refusal = StorageError("storage_unavailable", f"the write was not possible: {type(error).__name__}")
    refusal.__cause__ = error
    return refusal
