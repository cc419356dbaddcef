"""The operator's work with copies of the database: taking one, putting one back, going on after that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from delegation.app.database import lock_of, storage_of
from delegation.app.key_files import system_ms
from delegation.app.known_position import KnownPosition
from delegation.errors import ConfigError
from delegation.private_files import make_private_directory
from delegation.server.config import ServerConfig
from delegation.service.rollback import RESTORED, acknowledge_rollback
from delegation.storage.facts import DatabaseFacts
from delegation.storage.migrations import newer_schema, revisions
from delegation.storage.sqlite.backup import copy_database, mark


def backup_database(config: ServerConfig, file: Path) -> DatabaseFacts:
    """Copy the SQLite database into a new file, while the service runs or not, and verify the copy.

    Raises:
        ConfigError: the database is PostgreSQL's; the file exists or cannot be written.
        StorageError: the database cannot be read, or the copy is not whole.
    """
    _require_sqlite(config, "pg_dump --format=custom")
    return copy_database(config.database_path, file)


def restore_database(config: ServerConfig, file: Path, *, now_ms: Callable[[], int] = system_ms) -> DatabaseFacts:
    """Put a copy where the service's database was; it is served once `acknowledge` has been called.

    Raises:
        ConfigError: the database is PostgreSQL's; there is one in that place.
        StorageError: the copy is damaged, or of a newer program.
    """
    _require_sqlite(config, "pg_restore")
    target = config.database_path
    beside = [target.with_name(f"{target.name}{suffix}") for suffix in ("", "-wal", "-shm")]
    if present := [path for path in beside if path.exists()]:
        raise ConfigError(f"{present[0]} exists: stop the service, and move it away together with -wal and -shm")
    make_private_directory(target.parent)
    known = frozenset(revisions())

    def judge_and_mark(copy: Path, facts: DatabaseFacts) -> None:
        if facts.schema not in known:
            raise newer_schema(facts.schema)
        mark(copy, RESTORED, at_ms=now_ms())

    return copy_database(file, target, before_it_is_there=judge_and_mark)


def acknowledge(config: ServerConfig, because: str, *, now_ms: Callable[[], int] = system_ms) -> int:
    """Go on with a database that is older than what was given out; return where the revocation feed goes on.

    Raises:
        ConfigError, StorageError: the database cannot be used, or is being served.
    """
    known = KnownPosition(config.state_dir)
    lock = lock_of(config)

    async def go_on() -> int:
        storage = storage_of(config)
        await storage.open()
        try:
            return await acknowledge_rollback(storage, known_position=known.read(), because=because, now_ms=now_ms)
        finally:
            await storage.close()

    lock.take()
    try:
        position = asyncio.run(go_on())
    finally:
        lock.release()
    known.replace(position)
    return position


def _require_sqlite(config: ServerConfig, instead: str) -> None:
    if config.database.url is not None:
        raise ConfigError(f"PostgreSQL has tools of its own for this: use {instead}, as docs/operations.md describes")
