"""Synchronous code on an asynchronous driver: operations and questions are written once for every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.util import await_only, greenlet_spawn

if TYPE_CHECKING:
    from delegation.storage.postgres.connection import Connection
    from delegation.storage.statements import Statement

Row = tuple[Any, ...]

in_greenlet = greenlet_spawn
"""`await in_greenlet(function, *arguments)`: lets the function wait by `wait_for`."""

wait_for = await_only
"""Wait for an awaitable, in a function that `in_greenlet` runs."""


class PostgresSnapshot:
    """A connection, to somebody who asks it questions in a greenlet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self, statement: Statement, **values: object) -> list[Row]:
        """Return all rows."""
        ready = statement.postgres
        return [tuple(row) for row in wait_for(self._connection.fetch(ready.text, *ready.bind(values)))]

    def one(self, statement: Statement, **values: object) -> Row | None:
        """Return the first row."""
        ready = statement.postgres
        row = wait_for(self._connection.fetchrow(ready.text, *ready.bind(values)))
        return None if row is None else tuple(row)
