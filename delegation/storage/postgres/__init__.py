"""The PostgreSQL adapter; for any number of service processes over one database.

It needs the extra `postgres`: importing it without raises `ConfigError`.
"""

from __future__ import annotations

from delegation.errors import ConfigError

try:
    import asyncpg as _asyncpg
except ImportError as error:
    raise ConfigError(
        "a PostgreSQL database needs the extra `postgres`: pip install 'delegation-chain[postgres]'"
    ) from error

from delegation.storage.postgres.connection import PostgresServer
from delegation.storage.postgres.storage import PostgresStorage

del _asyncpg

__all__ = ["PostgresServer", "PostgresStorage"]
