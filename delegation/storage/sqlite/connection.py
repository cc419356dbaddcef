"""Connections to a SQLite file, and what its errors mean here."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from delegation.errors import ConfigError, StorageError
from delegation.private_files import create_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_SECONDS: Final = 5.0
"""So long somebody else may write before whoever waits gives up."""
RETRY_S: Final = 0.01
_PRIMARY: Final = 0xFF  # of an error's code, what it is; the rest says why
_WRITER_CACHE_KIB: Final = 32 * 1024
_READER_CACHE_KIB: Final = 8 * 1024
"""Of each reader. It holds one question's pages: what it has read before is void as soon as somebody writes."""

_CHECKPOINT_PAGES: Final = 2000  # 8 MiB: one commit in some hundreds pays for copying the log back
_JOURNAL_LIMIT_BYTES: Final = 64 * 1024 * 1024  # a longer write-ahead log is cut back when it is done with


def create_file(path: Path) -> None:
    """Create the database file, readable by its owner alone; leave an existing one as it is.

    SQLite gives its journal files the mode of the database. The file is never opened here:
    closing it would drop the locks that this process's connections hold on it.
    """
    if path.exists():
        return
    try:
        create_private(path, b"")
    except ConfigError as error:
        if not path.exists():  # else another process was faster
            raise StorageError("storage_unavailable", f"no database: {error}") from error


def connect(path: Path, *, writes: bool) -> sqlite3.Connection:
    """Open a connection without implicit transactions; one thread at a time may use it."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")
        _use_write_ahead_log(connection)
        # FULL syncs the log at every commit: what was acknowledged survives a power loss.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA cache_size=-{_WRITER_CACHE_KIB if writes else _READER_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit={_JOURNAL_LIMIT_BYTES}")
        connection.execute(f"PRAGMA query_only={int(not writes)}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Set the journal mode; waits by itself, because here SQLite does not."""
    deadline_s = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(RETRY_S)
        else:
            if mode != "wal":
                raise sqlite3.OperationalError("there is no write-ahead log on this file system")
            return


def is_busy(error: Exception) -> bool:
    """Tell whether somebody else has the lock that was wanted."""
    # The driver's own errors, of a text that is no UTF-8 for one, have no code.
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & _PRIMARY == sqlite3.SQLITE_BUSY


def unavailable(error: Exception) -> StorageError:
    """Make the error for a database that failed; SQLite's own messages hold no values, the driver's may."""
    said = str(error) if hasattr(error, "sqlite_errorcode") else type(error).__name__
    failure = StorageError("storage_unavailable", f"the database failed: {said}")
    failure.__cause__ = error
    return failure


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the driver's errors into `StorageError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(error) from error
