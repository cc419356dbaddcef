"""The writing connection: one group of operations is one transaction.

A group that surely left nothing behind (the connection broke before COMMIT was sent, another replica's
transaction stood in the way) is tried again. Where COMMIT was sent and not answered, nobody knows, and everybody
in the group is told so by an error: each of these writes can be asked for again and is made once.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from delegation.storage.operations.group import each_alone, together
from delegation.storage.operations.operation import Lock, lock_of
from delegation.storage.postgres.connection import (
    DRIVER_ERRORS,
    Connection,
    PostgresServer,
    cannot_connect,
    connect,
    lost,
    unavailable,
)
from delegation.storage.postgres.snapshot import in_greenlet
from delegation.storage.postgres.transaction import PostgresTransaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delegation.storage.operations.operation import Marks, Operation

FEED_CHANNEL: Final = "delegation_feed"
"""Where replicas are told that the feed has moved. What it says is read from the database."""

_LOCK_SPACE: Final = 0x64656C65_00000000  # so that our advisory locks are nobody else's
FEED_LOCK: Final = _LOCK_SPACE + 1
MIGRATION_LOCK: Final = _LOCK_SPACE + 2

_BEGIN: Final = {
    Lock.NONE: "BEGIN ISOLATION LEVEL READ COMMITTED",
    # The statement after the lock sees what was committed before the lock was given.
    Lock.SHARED: f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock_shared({FEED_LOCK})",
    Lock.EXCLUSIVE: f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({FEED_LOCK})",
}
_END_STUCK: Final = """
SELECT pg_terminate_backend(activity.pid)
FROM pg_locks AS held JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND held.classid = $1 AND held.objid = $2 AND held.pid <> pg_backend_pid()
  AND activity.usename = current_user AND activity.xact_start < clock_timestamp() - make_interval(secs => $3)
"""
_TRIES: Final = 3
_TOOK_TOO_LONG: Final = "57014"
_STOOD_IN_THE_WAY: Final = ("40001", "40P01")  # serialization failure, deadlock: the other one went through


class PostgresSession:
    """Runs groups of operations on one connection, which it makes anew when it is lost."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._connection: Connection | None = None
        self._commit_sent = False
        self._marks: Marks | None = None  # as they were after the last commit

    async def open(self) -> None:
        """Make the connection. Raises `StorageError`."""
        try:
            self._connection = await connect(self._server)
        except DRIVER_ERRORS as error:
            raise cannot_connect(self._server, error) from error

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*DRIVER_ERRORS):
                await connection.close(timeout=self._server.connect_timeout_ms / 1000)

    async def run(self, operations: Sequence[Operation[Any]]) -> Sequence[object]:
        """Commit a group; each operation's result or exception, in order."""
        for tries_left in reversed(range(_TRIES)):
            self._commit_sent = False
            try:
                return await self._commit(operations)
            except Exception as error:  # noqa: BLE001 - a database that is away may be back for the next group
                await self._abandon(error)
                if getattr(error, "sqlstate", None) == _TOOK_TOO_LONG:
                    await self._end_stuck()
                if not self._may_try_again(error) or not tries_left:
                    return [unavailable(error) for _ in operations]
        raise AssertionError("unreachable")

    def _may_try_again(self, error: Exception) -> bool:
        if self._commit_sent:
            return False
        # A server that does not answer in time would not the second time, and everybody would wait twice as long.
        return (lost(error) and not isinstance(error, TimeoutError)) or (
            getattr(error, "sqlstate", None) in _STOOD_IN_THE_WAY
        )

    async def _commit(self, operations: Sequence[Operation[Any]]) -> list[object]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._server)
        connection = self._connection
        begin = _BEGIN[lock_of(operations)]
        await connection.execute(begin)
        transaction = PostgresTransaction(connection, assumed=self._marks)
        results = await in_greenlet(together, transaction, operations)
        if transaction.misled:
            await connection.execute(f"ROLLBACK; {begin}")
            transaction = PostgresTransaction(connection, assumed=None)
            results = await in_greenlet(together, transaction, operations)
        if results is None:
            await connection.execute(f"ROLLBACK; {begin}")
            transaction = PostgresTransaction(connection, assumed=None)
            results = await in_greenlet(each_alone, transaction, operations)
        if transaction.moved_feed:
            await connection.execute(f"NOTIFY {FEED_CHANNEL}")
        self._commit_sent = True
        await connection.execute("COMMIT")
        self._marks = transaction.marks
        return results

    async def _end_stuck(self) -> None:
        """End the transaction of a replica that has kept the feed's lock for much too long.

        Its process may be frozen, while its machine still answers for it: the server would wait without end. If it
        wakes, it finds its connection lost before the commit, which it can stand.
        """
        if self._connection is not None:
            with contextlib.suppress(*DRIVER_ERRORS):
                seconds = 2 * self._server.statement_timeout_ms / 1000
                await self._connection.execute(_END_STUCK, FEED_LOCK >> 32, FEED_LOCK & 0xFFFFFFFF, seconds)

    async def _abandon(self, error: Exception) -> None:
        """Undo the transaction; give the connection up if that is not certain."""
        self._marks = None
        connection = self._connection
        if connection is None:
            return
        try:
            if lost(error):
                raise ConnectionError
            await connection.execute("ROLLBACK")
        except DRIVER_ERRORS:
            connection.terminate()
            self._connection = None
