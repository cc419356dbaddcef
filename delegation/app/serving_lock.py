"""One process to a SQLite file: another would not hear of its revocations. The lock ends with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from delegation.errors import ConfigError


class ServingLock:
    """A lock on a file beside the database.

    Args:
        database: the SQLite file; None for a database that any number of processes may serve.
    """

    def __init__(self, database: Path | None) -> None:
        self._path = None if database is None else database.with_name(f"{database.name}.lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it. Raises `ConfigError` if another process has it, or the file cannot be made."""
        if self._path is None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"cannot make {self._path}: {error.strerror}; check its directory") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise ConfigError(
                f"another process serves {self._path.with_suffix('')}: stop it; several replicas need PostgreSQL"
            ) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it. The file stays: who removes it could remove another's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
