"""Copies of a SQLite database: taken while a service writes to it, and put in the place of one that is lost."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from delegation.errors import ConfigError, StorageError
from delegation.private_files import create_private
from delegation.storage.sqlite.facts import read_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from delegation.storage.facts import DatabaseFacts


def copy_database(
    source: Path,
    target: Path,
    *,
    before_it_is_there: Callable[[Path, DatabaseFacts], None] = lambda _path, _facts: None,
) -> DatabaseFacts:
    """Copy a database, whole and of one moment, into a new file that only its owner may read; verify the copy.

    Args:
        source: the database.
        target: the file.
        before_it_is_there: given the finished copy before it gets its name; nothing is left if it raises.

    Raises:
        ConfigError: the target exists, or cannot be written.
        StorageError: the source cannot be read, or the copy is not whole.
    """
    if not source.exists():
        raise ConfigError(f"{source} does not exist: correct the path")
    with _new_file(target) as temporary:
        try:
            with (
                contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as whole,
                contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as copy,
            ):
                whole.backup(copy)  # in one step: in portions it would begin anew whenever the service writes
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
                _require_whole(source, copy)
        except sqlite3.Error as error:
            raise StorageError("storage_unavailable", f"cannot copy {source}: {error}") from error
        facts = read_facts(temporary)
        if not facts.schema:
            raise StorageError("storage_unavailable", f"{source} is no database of this program: correct the path")
        before_it_is_there(temporary, facts)
        _sync(temporary)
    return facts


def mark(path: Path, kind: str, *, at_ms: int) -> None:
    """Add the next version of a document, without content, to a database that nobody serves. Raises `StorageError`."""
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(
                "INSERT INTO documents (kind, version, content, stored_ms)"
                " SELECT ?, coalesce(max(version), 0) + 1, x'', ? FROM documents WHERE kind = ?",
                (kind, at_ms, kind),
            )
    except sqlite3.Error as error:
        raise StorageError("storage_unavailable", f"cannot write {path}: {error}") from error


def _require_whole(source: Path, copy: sqlite3.Connection) -> None:
    (said,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        raise StorageError("storage_unavailable", f"the copy of {source} is damaged: {said}; the database may be, too")


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Give a file beside the target, which takes its name when all went well, and never over another."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    create_private(temporary, b"")
    try:
        yield temporary
        try:
            target.hardlink_to(temporary)
        except FileExistsError:
            raise ConfigError(f"{target} exists and is never overwritten: choose another, or move it away") from None
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
