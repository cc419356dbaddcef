"""The PostgreSQL adapter: one connection that writes, some that are asked, one that listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from delegation.storage.operations.registry import Probe
from delegation.storage.postgres.history import GONE_BACK, GoneBackError, History
from delegation.storage.postgres.migration import schema_for_serving, upgrade
from delegation.storage.postgres.readers import PostgresReaders
from delegation.storage.postgres.session import PostgresSession
from delegation.storage.postgres.watcher import RELAY_CHANNEL, Watcher
from delegation.storage.postgres.writer import LoopWriter
from delegation.storage.reads import Reads
from delegation.storage.writes import Writes

if TYPE_CHECKING:
    from delegation.storage.operations.operation import Operation
    from delegation.storage.port import Storage
    from delegation.storage.postgres.connection import Connection, PostgresServer
    from delegation.storage.relay import Hears, Relay

_QUEUE_LIMIT: Final = 4096


class PostgresStorage(Reads, Writes):
    """`delegation.storage.port.Storage` in a PostgreSQL database, which other replicas may share.

    Arguments:
        server: which database.
        queue_limit: how many writes may wait; further ones are refused as `overloaded`.
    """

    def __init__(self, server: PostgresServer, *, queue_limit: int = _QUEUE_LIMIT) -> None:
        self._server = server
        self._pool = PostgresReaders(server)
        self._writer: LoopWriter[Operation[Any]] = LoopWriter(PostgresSession(server), queue_limit=queue_limit)
        self._watcher = Watcher(server, self._look)
        self._history = History()
        Reads.__init__(self, self._pool)
        Writes.__init__(self, self._writer)

    async def open(self) -> None:
        """Make the schema in an empty database, and begin to take work.

        Raises:
            StorageError: the database cannot be reached, or is of a newer version.
            ConfigError: it is of an older version, which the operator upgrades when all replicas are ready for it.
        """
        await schema_for_serving(self._server)
        try:
            await self._writer.start()
            await self._pool.open()
            await self._look()
        except BaseException:
            await self.close()
            raise
        self._watcher.start()

    async def close(self) -> None:
        """Finish what was accepted, then let go of the database."""
        await self._watcher.stop()
        await self._writer.stop()
        await self._pool.close()

    async def upgrade(self) -> tuple[str | None, str]:
        """Bring the schema up to date; return its revision before and after. Needs no `open`."""
        return await upgrade(self._server)

    async def check(self) -> None:
        """Return if a write is taken now, by making one; raise `StorageError` if not."""
        self._writer.check()
        await self._pool.use(_require_writable)
        await self._write(Probe())

    # -- other replicas ------------------------------------------------------------------------

    async def tell(self, words: str) -> None:
        """Tell all replicas something, this one included; whoever does not listen just now misses it."""
        await self._pool.use(lambda connection: connection.execute("SELECT pg_notify($1, $2)", RELAY_CHANNEL, words))

    def listen(self, hears: Hears) -> None:
        """Have somebody called with everything that replicas tell one another."""
        self._watcher.listener(hears)

    async def _look(self) -> None:
        try:
            self._moved_to(await self._history.look(self._pool, seen=self._head))
        except GoneBackError:
            self._writer.refuse(GONE_BACK)
            self._pool.refuse(GONE_BACK)
            raise

    def _moved_to(self, position: int) -> int:
        if position > self._head:
            self._watcher.hint()
        return super()._moved_to(position)


async def _require_writable(connection: Connection) -> None:
    if await connection.fetchval("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool"):
        raise ConnectionRefusedError("the database takes no writes")


if TYPE_CHECKING:
    _PORT: type[Storage] = PostgresStorage  # the type checker compares them
    _RELAY: type[Relay] = PostgresStorage
