"""A pool of connections that answer questions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg

from delegation.errors import StorageError
from delegation.storage.postgres.connection import (
    DRIVER_ERRORS,
    Connection,
    PostgresServer,
    cannot_connect,
    lost,
    prepare,
    storage_errors,
)
from delegation.storage.postgres.snapshot import PostgresSnapshot, in_greenlet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from delegation.storage.reads import Snapshot

T = TypeVar("T")

_WAITING_LIMIT: Final = 1024
_CLOSE_S: Final = 5.0


class PostgresReaders:
    """Runs questions on pooled connections; used from one event loop."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._pool: Any = None
        self._waiting = 0
        self._refusing = ""

    async def open(self) -> None:
        """Make the first connection. Raises `StorageError`."""
        try:
            self._pool = await asyncpg.create_pool(
                **self._server.arguments(),
                min_size=1,
                max_size=self._server.pool_size,
                init=prepare,
                reset=_nothing,  # questions leave nothing behind
            )
        except DRIVER_ERRORS as error:
            raise cannot_connect(self._server, error) from error

    async def close(self) -> None:
        """Wait a little for the questions that are being answered, then close the connections."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            with storage_errors():
                async with asyncio.timeout(_CLOSE_S):
                    await pool.close()
        except StorageError:
            pool.terminate()

    def refuse(self, why: str) -> None:
        """Answer nothing from now on."""
        self._refusing = why

    async def read(self, question: Callable[[Snapshot], T], *, of_one_moment: bool = False) -> T:
        """Answer a question. A connection that turns out to be lost is replaced once: asking again changes nothing."""
        return await self.use(lambda connection: _answer(connection, question, of_one_moment=of_one_moment))

    async def use(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do something that may be done twice on a connection. Raises `StorageError`."""
        if self._pool is None or self._refusing:
            raise StorageError("storage_unavailable", self._refusing or "the database is not open")
        if self._waiting >= _WAITING_LIMIT:
            raise StorageError("overloaded", f"{_WAITING_LIMIT} questions are waiting for the database")
        self._waiting += 1
        try:
            with storage_errors():
                try:
                    return await self._once(work)
                except Exception as error:
                    if not lost(error) or isinstance(error, TimeoutError):
                        raise
                return await self._once(work)
        finally:
            self._waiting -= 1

    async def _once(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._pool.acquire(timeout=self._server.connect_timeout_ms / 1000) as connection:
            try:
                return await work(connection)
            except TimeoutError:
                connection.terminate()  # it may still be busy with the question
                raise


async def _answer(connection: Connection, question: Callable[[Snapshot], T], *, of_one_moment: bool) -> T:
    snapshot = PostgresSnapshot(connection)
    if not of_one_moment:
        return await in_greenlet(question, snapshot)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await in_greenlet(question, snapshot)


async def _nothing(connection: Connection) -> None:
    """Spare the statement by which asyncpg resets a connection that is given back."""
