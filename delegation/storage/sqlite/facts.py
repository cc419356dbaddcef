"""What an operator wants to know of a SQLite file before a service uses it. Nothing is changed by looking."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from delegation.errors import StorageError
from delegation.storage.facts import BUNDLE_VERSION, POLICY, ROOT, TOOLS, DatabaseFacts

if TYPE_CHECKING:
    from pathlib import Path

_NEWEST: Final = """
    SELECT max(at) FROM (
        SELECT max(recorded_ms) AS at FROM calls WHERE call_id = (SELECT max(call_id) FROM calls)
        UNION ALL SELECT max(created_ms) FROM tasks WHERE task_id = (SELECT max(task_id) FROM tasks)
        UNION ALL SELECT revoked_ms FROM revocations WHERE position = (SELECT max(position) FROM revocations))
"""


def read_facts(path: Path) -> DatabaseFacts:
    """Look at a database file. Raises `StorageError` if it cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as looked:
            policy = _rows(looked, POLICY)
            return DatabaseFacts(
                schema=str(_one(looked, "SELECT version_num FROM alembic_version") or ""),
                feed_position=int(_one(looked, "SELECT position FROM feed_head") or 0),
                bundle_version=int(_one(looked, BUNDLE_VERSION) or 0),
                root=bytes(_one(looked, ROOT) or b""),
                policy_version=int(policy[0][0]) if policy else 0,
                policy=bytes(policy[0][1]) if policy else b"",
                tools=tuple((audience, tool) for audience, tool in _rows(looked, TOOLS)),
                newest_record_ms=int(_one(looked, _NEWEST) or 0),
                clock_ms=None,
            )
    except sqlite3.Error as error:
        raise StorageError("storage_unavailable", f"cannot read {path}: {error}") from error


def _one(connection: sqlite3.Connection, question: str) -> Any:
    """Ask; None if the answer is NULL, or there is no such table yet."""
    rows = _rows(connection, question)
    return rows[0][0] if rows else None


def _rows(connection: sqlite3.Connection, question: str) -> list[Any]:
    """Ask for rows; none if there is no such table yet."""
    try:
        return connection.execute(question).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
