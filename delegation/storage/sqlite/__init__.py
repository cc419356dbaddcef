"""The SQLite adapter; the default, for one service process."""

from __future__ import annotations

from delegation.storage.sqlite.storage import SqliteStorage

__all__ = ["SqliteStorage"]
