"""A few threads that read, so that no question blocks the event loop or a write."""

from __future__ import annotations

import asyncio
import queue
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from delegation.errors import StorageError
from delegation.storage.sqlite.connection import connect, storage_errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from delegation.storage.reads import Snapshot
    from delegation.storage.statements import Statement

T = TypeVar("T")
Row = tuple[Any, ...]

_THREADS: Final = 2
_WAITING_LIMIT: Final = 1024


class SqliteSnapshot:
    """One connection inside a read transaction: every question is answered from the same moment."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return all rows."""
        ready = statement.sqlite
        return self._connection.execute(ready.text, ready.bind(values)).fetchall()

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row."""
        rows = self.all(statement, **values)
        return rows[0] if rows else None


class SqliteReaders:
    """Runs questions on reading threads; used from one event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connections: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._threads: ThreadPoolExecutor | None = None
        self._waiting = 0

    def open(self) -> None:
        """Open the connections; blocks."""
        with storage_errors():
            for _ in range(_THREADS):
                self._connections.put(connect(self._path, writes=False))
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="storage-reader")

    def close(self) -> None:
        """Wait for the questions that are being answered and close the connections; blocks."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()
        while not self._connections.empty():
            self._connections.get().close()

    async def read(self, question: Callable[[Snapshot], T], *, of_one_moment: bool = False) -> T:  # noqa: ARG002
        """Answer a question, from one snapshot of the database whether that matters or not."""
        if self._threads is None:
            raise StorageError("storage_unavailable", "the database is not open")
        if self._waiting >= _WAITING_LIMIT:
            raise StorageError("overloaded", f"{_WAITING_LIMIT} questions are waiting for the database")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)
        finally:
            self._waiting -= 1

    def _answer(self, question: Callable[[Snapshot], T]) -> T:
        connection = self._connections.get()
        try:
            with storage_errors():
                connection.execute("BEGIN")
                try:
                    return question(SqliteSnapshot(connection))
                finally:
                    connection.execute("COMMIT")
        finally:
            self._connections.put(connection)
