"""The SQLite adapter: one file, one writer, a few reading threads."""

from __future__ import annotations

import asyncio
import operator
import os
import sqlite3
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from delegation.errors import StorageError
from delegation.storage import migrations
from delegation.storage.group_writer import GroupWriter
from delegation.storage.operations.registry import Probe
from delegation.storage.reads import Reads
from delegation.storage.sqlite.connection import connect, create_file, storage_errors, unavailable
from delegation.storage.sqlite.readers import SqliteReaders
from delegation.storage.sqlite.session import SqliteSession
from delegation.storage.writes import Writes

if TYPE_CHECKING:
    from pathlib import Path

    from delegation.storage.operations.operation import Operation
    from delegation.storage.port import Storage

_QUEUE_LIMIT: Final = 4096
_ROOM_BYTES: Final = 16 * 1024 * 1024
"""Twice the write-ahead log: with less, some writes find room and others do not."""


class SqliteStorage(Reads, Writes):
    """`delegation.storage.port.Storage` in one SQLite file.

    Arguments:
        path: the database file; created, readable by its owner alone, if it is not there.
        queue_limit: how many writes may wait; further ones are refused as `overloaded`.
    """

    def __init__(self, path: Path, *, queue_limit: int = _QUEUE_LIMIT) -> None:
        self._path = path
        self._file = SqliteReaders(path)
        self._writer: GroupWriter[Operation[Any]] = GroupWriter(
            self._session, queue_limit=queue_limit, brief=operator.attrgetter("brief")
        )
        Reads.__init__(self, self._file)
        Writes.__init__(self, self._writer)

    async def open(self) -> None:
        """Bring the schema up to date and begin to take work."""
        await asyncio.to_thread(_migrate, self._path)
        try:
            await self._writer.start()
            await asyncio.to_thread(self._file.open)
            self._moved_to(await self.head_position())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was accepted, then let go of the file."""
        await self._writer.stop()
        await asyncio.to_thread(self._file.close)

    async def upgrade(self) -> tuple[str | None, str]:
        """Bring the schema up to date; return its revision before and after. Needs no `open`."""
        return await asyncio.to_thread(_migrate, self._path)

    async def check(self) -> None:
        """Return if writes are taken now, by making one; and if there is room for more than that one."""
        await self._write(Probe())
        if await asyncio.to_thread(_free_bytes, self._path) < _ROOM_BYTES:
            raise StorageError("storage_unavailable", f"the disk of {self._path} is full: make room")

    def _session(self) -> SqliteSession:
        with storage_errors():
            return SqliteSession(connect(self._path, writes=True))


def _free_bytes(path: Path) -> int:
    status = os.statvfs(path.parent)
    return status.f_bavail * status.f_frsize


def _migrate(path: Path) -> tuple[str | None, str]:
    create_file(path)
    try:
        connection = connect(path, writes=True)
    except sqlite3.Error as error:
        raise StorageError(
            "storage_unavailable", f"cannot open {path}: {error}; restore a backup, or set database.path"
        ) from error
    engine = sa.create_engine("sqlite://", creator=lambda: connection, poolclass=sa.pool.StaticPool)
    try:
        with storage_errors(), engine.connect() as session:
            session.exec_driver_sql("BEGIN IMMEDIATE")
            before_and_after = migrations.upgrade(session)
            session.commit()
            return before_and_after
    except sa.exc.DBAPIError as error:
        raise unavailable(error.orig or error) from error
    finally:
        engine.dispose()
        connection.close()


if TYPE_CHECKING:
    _PORT: type[Storage] = SqliteStorage  # the type checker compares them
