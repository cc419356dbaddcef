"""The session of whoever writes: one group of operations is one transaction."""

from __future__ import annotations

import sqlite3
import time
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from delegation.storage.operations.group import GroupTransaction, each_alone, together
from delegation.storage.sqlite.connection import BUSY_SECONDS, RETRY_S, is_busy, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from delegation.storage.operations.operation import Operation, Row
    from delegation.storage.statements import KeyedSelect, Statement

_SIZES: Final = (64, 48, 32, 24, *range(16, 0, -1))
"""Rows of one statement: each number is another text, which the connection keeps ready."""


class SqliteTransaction(GroupTransaction):
    """A transaction in SQLite; there is one at a time, so no lock is needed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__()
        self._connection = connection

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return all rows."""
        ready = statement.sqlite
        return self._connection.execute(ready.text, ready.bind(values)).fetchall()

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row."""
        ready = statement.sqlite
        row: Row | None = self._connection.execute(ready.text, ready.bind(values)).fetchone()
        return row

    def rows_of(self, statement: KeyedSelect, **keys: Sequence[object]) -> list[Row]:
        """Return the rows of several keys."""
        columns = [keys[name] for name in statement.sqlite.names]
        rows: list[Row] = []
        for some in _in_sizes(list(zip(*columns, strict=True))):
            values = tuple(chain.from_iterable(some))
            (text,) = self._connection.execute(statement.sqlite_rows(len(some)), values).fetchone()
            rows += statement.rows_in(text)
        return rows

    def change(self, statement: Statement, **values: object) -> int:
        """Run an update or delete; return how many rows it changed."""
        ready = statement.sqlite
        return self._connection.execute(ready.text, ready.bind(values)).rowcount

    def insert(self, statement: Statement, rows: Iterable[Row]) -> None:
        """Insert rows, each in the order of the statement's parameters.

        Many in one statement: for each statement the driver lets go of the interpreter, and while other threads are
        busy it has to wait to get it back.
        """
        for some in _in_sizes(list(rows)):
            self._connection.execute(statement.sqlite_rows(len(some)), tuple(chain.from_iterable(some)))

    def save(self) -> None:
        """Set a savepoint."""
        self._connection.execute("SAVEPOINT alone")

    def release(self) -> None:
        """Keep what was written since the savepoint."""
        self._connection.execute("RELEASE alone")

    def undo(self) -> None:
        """Undo what was written since the savepoint."""
        self._connection.execute("ROLLBACK TO alone")
        self._connection.execute("RELEASE alone")

    def fails_all(self, error: Exception) -> bool:
        """Tell an error of the database itself from one that a single write brought upon itself."""
        return isinstance(error, sqlite3.DatabaseError) and not isinstance(
            error, (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
        )

    def is_conflict(self, error: Exception) -> bool:
        """Tell whether a unique key was taken."""
        return isinstance(error, sqlite3.IntegrityError)


def _in_sizes(rows: list[Row]) -> Iterator[list[Row]]:
    """Divide rows among statements."""
    while rows:
        count = next(size for size in _SIZES if size <= len(rows))
        some, rows = rows[:count], rows[count:]
        yield some


class _Known(NamedTuple):
    """A transaction that was committed, and knows what it has left behind.

    Attributes:
        version: changes when another connection writes.
        transaction: the transaction.
    """

    version: int
    transaction: SqliteTransaction


class SqliteSession:
    """Runs groups of operations on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._entered = False
        self._begun: _Known | None = None
        self._known: _Known | None = None  # what the next transaction may go on with
        self._apart: Sequence[Operation[Any]] | None = None  # what has shown that it cannot be written together
        connection.execute("PRAGMA busy_timeout=0")  # on the event loop nobody waits; elsewhere `_begin` does

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def enter(self, operations: Sequence[Operation[Any]]) -> list[object]:
        """Write a group; each operation's result or exception, in order."""
        try:
            results = None if operations is self._apart else together(self._begin(wait=True), operations)
            if results is None:
                self._roll_back()
                results = each_alone(self._begin(wait=True), operations)
        except Exception as error:  # noqa: BLE001 - whatever one of them brought upon all, the next group may do
            return self._undone(error, len(operations))
        finally:
            self._apart = None
        self._enters(operations)
        return results

    def enter_at_once(self, operations: Sequence[Operation[Any]]) -> list[object] | None:
        """Write a group that can be written together, if nobody else is writing."""
        try:
            results = together(self._begin(wait=False), operations)
            if results is None:
                self._roll_back()
                self._apart = operations
                return None
        except Exception as error:  # noqa: BLE001 - as above
            undone = self._undone(error, len(operations))
            return None if is_busy(error) else undone
        self._enters(operations)
        return results

    def commit(self, results: Sequence[object]) -> Sequence[object]:
        """Commit what was entered; it fails if the database has undone it since."""
        if not self._entered:
            return results
        self._entered = False
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            return self._undone(error, len(results))
        self._known = self._begun
        return results

    def _enters(self, operations: Sequence[Operation[Any]]) -> None:
        self._entered = True
        if not all(operation.leaves_known for operation in operations):
            self._forget()

    def _undone(self, error: Exception, count: int) -> list[object]:
        """Nothing of the group is in; the next one may find the disk or the lock free again."""
        self._roll_back()
        return [unavailable(error) for _ in range(count)]

    def _roll_back(self) -> None:
        """Undo what was written. The database may have done so by itself."""
        self._forget()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _begin(self, *, wait: bool) -> SqliteTransaction:
        until_s = time.monotonic() + (BUSY_SECONDS if wait else 0)
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() >= until_s:
                    raise
                time.sleep(RETRY_S)
            else:
                return self._transaction()

    def _transaction(self) -> SqliteTransaction:
        """Give the transaction that was begun. It has the lock: from now on nobody else makes what is known untrue."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        self._begun, self._known = self._known, None
        if self._begun is not None and self._begun.version == version:
            self._begun.transaction.go_on()
        else:
            self._forget()
            self._begun = _Known(version, SqliteTransaction(self._connection))
        return self._begun.transaction

    def _forget(self) -> None:
        """Let go of what the transaction knows. It is part of a cycle: all of that would wait for a collection."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.transaction.forget()
