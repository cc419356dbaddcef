"""What an operator wants to know of a PostgreSQL database before a service uses it. Nothing is changed by looking."""

from __future__ import annotations

from typing import Any

import asyncpg

from delegation.storage.facts import BUNDLE_VERSION, POLICY, ROOT, TOOLS, DatabaseFacts
from delegation.storage.postgres.connection import DRIVER_ERRORS, Connection, PostgresServer, cannot_connect, connect


async def read_facts(server: PostgresServer) -> DatabaseFacts:
    """Look at a database. Raises `StorageError`, `ConfigError` if it cannot be reached or read."""
    try:
        connection = await connect(server)
    except DRIVER_ERRORS as error:
        raise cannot_connect(server, error) from error
    try:
        policy = await _rows(connection, POLICY)
        return DatabaseFacts(
            schema=str(await _one(connection, "SELECT version_num FROM alembic_version") or ""),
            feed_position=int(await _one(connection, "SELECT position FROM feed_head") or 0),
            bundle_version=int(await _one(connection, BUNDLE_VERSION) or 0),
            root=bytes(await _one(connection, ROOT) or b""),
            policy_version=int(policy[0][0]) if policy else 0,
            policy=bytes(policy[0][1]) if policy else b"",
            tools=tuple((audience, tool) for audience, tool in await _rows(connection, TOOLS)),
            newest_record_ms=0,  # there is a clock to ask
            clock_ms=int(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp()) * 1000")),
        )
    except DRIVER_ERRORS as error:
        raise cannot_connect(server, error) from error
    finally:
        connection.terminate()


async def _one(connection: Connection, question: str) -> Any:
    """Ask; None if there is no such table yet."""
    rows = await _rows(connection, question)
    return rows[0][0] if rows else None


async def _rows(connection: Connection, question: str) -> list[Any]:
    """Ask for rows; none if there is no such table yet."""
    try:
        return list(await connection.fetch(question))
    except asyncpg.UndefinedTableError:
        return []
