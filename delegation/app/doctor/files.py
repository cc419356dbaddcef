"""Directories, their permissions, and the room on their disks."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from delegation.app.doctor.finding import Finding, ok, problem, warning
from delegation.server.config import ServerConfig

_MIB: Final = 1024 * 1024
_FULL_BYTES: Final = 64 * _MIB
_NEARLY_FULL_BYTES: Final = 1024 * _MIB
_NEARLY_FULL_PART: Final = 0.05
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def check_directories(config: ServerConfig) -> Iterator[Finding]:
    """Look at the directories of state, keys and database: there, ours, and nobody else's to write."""
    for check, directory in _directories(config):
        if not directory.exists():
            parent = next(above for above in directory.parents if above.exists())
            if os.access(parent, os.W_OK | os.X_OK):
                yield ok(check, f"{directory} will be made")
            else:
                yield problem(check, f"{directory} does not exist, and {parent} cannot be written", "create it")
            continue
        status = directory.stat()
        if not stat.S_ISDIR(status.st_mode):
            yield problem(check, f"{directory} is no directory", "correct the path")
        elif not os.access(directory, os.W_OK | os.X_OK):
            yield problem(check, f"{directory} cannot be written by this user", f"chown or chmod {directory}")
        elif status.st_mode & _OTHERS_WRITE and not status.st_mode & stat.S_ISVTX:
            yield problem(check, f"others can write to {directory}", f"run `chmod go-w {directory}`")
        else:
            yield ok(check, str(directory))


def check_database_file(config: ServerConfig) -> Iterator[Finding]:
    """Look at the permissions of the SQLite file and of what lies beside it."""
    path = config.database_path
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if not file.exists():
            continue
        status = file.stat()
        if status.st_mode & _OTHERS:
            mode = stat.S_IMODE(status.st_mode)
            yield problem("database_file", f"{file} is open to others (mode {mode:04o})", f"run `chmod 600 {file}`")
        elif not os.access(file, os.R_OK | os.W_OK):
            yield problem("database_file", f"{file} cannot be written by this user", f"run `chown` on {file}")


def check_room(config: ServerConfig) -> Iterator[Finding]:
    """Look at the room that is left where the database grows."""
    directory = config.database_path.parent if config.database.url is None else config.state_dir
    while not directory.exists():
        directory = directory.parent
    status = os.statvfs(directory)
    free, whole = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
    found = f"{free // _MIB} MiB of {whole // _MIB} MiB are free at {directory}"
    if free < _FULL_BYTES:
        yield problem("disk", found, "make room: without it nothing is recorded, hence nothing permitted")
    elif free < min(_NEARLY_FULL_BYTES, whole * _NEARLY_FULL_PART):
        yield warning("disk", found, "make room, or move the database")
    else:
        yield ok("disk", found)


def _directories(config: ServerConfig) -> Iterator[tuple[str, Path]]:
    seen: set[Path] = set()
    named = [("state_directory", config.state_dir), ("keys_directory", config.keys_directory)]
    if config.database.url is None:
        named.append(("database_directory", config.database_path.parent))
    for check, directory in named:
        if directory not in seen:
            seen.add(directory)
            yield check, directory
