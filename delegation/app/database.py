"""Which database the configuration names: a SQLite file, or PostgreSQL for any number of replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from delegation.app.serving_lock import ServingLock
from delegation.errors import ConfigError
from delegation.server.config import ServerConfig
from delegation.storage.facts import DatabaseFacts
from delegation.storage.port import Storage
from delegation.storage.relay import Relay
from delegation.storage.sqlite import SqliteStorage
from delegation.storage.sqlite.facts import read_facts

if TYPE_CHECKING:
    from delegation.storage.postgres import PostgresServer, PostgresStorage


def storage_of(config: ServerConfig) -> SqliteStorage | PostgresStorage:
    """Make the storage, not yet open. Raises `ConfigError` if PostgreSQL's extra is missing."""
    queue_limit = 4 * config.limits.queue_capacity
    if config.database.url is None:
        return SqliteStorage(config.database_path, queue_limit=queue_limit)
    from delegation.storage.postgres import PostgresStorage

    return PostgresStorage(_server_of(config), queue_limit=queue_limit)


def relay_of(storage: Storage) -> Relay | None:
    """Give what replicas over one database tell one another by; None if there is one process only."""
    return None if isinstance(storage, SqliteStorage) else cast("PostgresStorage", storage)


def lock_of(config: ServerConfig) -> ServingLock:
    """Give the lock that who serves the database must hold."""
    return ServingLock(config.database_path if config.database.url is None else None)


def facts_of(config: ServerConfig) -> DatabaseFacts | None:
    """Look at the database and change nothing; None if it is a SQLite file that is not there yet.

    Raises:
        StorageError: the database cannot be reached or read.
        ConfigError: PostgreSQL's extra is missing, or its URL or password file cannot be used.
    """
    if config.database.url is None:
        return read_facts(config.database_path) if config.database_path.exists() else None
    from delegation.storage.postgres.facts import read_facts as read_postgres_facts

    return asyncio.run(read_postgres_facts(_server_of(config)))


def _server_of(config: ServerConfig) -> PostgresServer:
    from delegation.storage.postgres import PostgresServer

    database = config.database
    assert database.url is not None  # noqa: S101 - asked for only then
    return PostgresServer(
        database.url.get_secret_value(),
        password=None if database.password_file is None else _password_in(database.password_file),
        pool_size=database.pool_size,
        statement_timeout_ms=database.statement_timeout_ms,
        connect_timeout_ms=database.connect_timeout_ms,
    )


def upgrade_database(config: ServerConfig) -> tuple[str | None, str]:
    """Bring the schema up to date; return its revision before (None: there was none) and after.

    Raises:
        StorageError: the database cannot be used, or a newer program has changed it.
        ConfigError: PostgreSQL's extra is missing, or its URL or password file cannot be used.
    """
    return asyncio.run(storage_of(config).upgrade())


def _password_in(file: Path) -> Callable[[], str]:
    """Read the password for each connection: it may have been changed since the last."""

    def read() -> str:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"cannot read database.password_file {file}: check that it is there") from None

    return read
