"""One trust bundle after another: whoever signs the next one holds a lock from reading the former to writing his own.

Not for those who read bundles: a bundle's file is replaced whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from delegation.errors import ConfigError

LOCK_FILE: Final = "trust-bundle.lock"


@contextlib.contextmanager
def bundle_lock(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory of keys. It ends with its process, however that ends; the file stays.

    Raises:
        ConfigError: somebody else holds it, or the directory is missing or cannot be written.
    """
    path = directory / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        raise ConfigError(f"{directory} is missing, the directory of the keys: correct the path") from None
    except OSError as error:
        raise ConfigError(f"cannot open {path}: {error.strerror}; check its permissions") from None
    try:
        _take(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, directory: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(f"another command is signing the next bundle of {directory}: wait until it is done") from None
    except OSError as error:
        raise ConfigError(f"cannot lock {directory / LOCK_FILE}: {error.strerror}; keep it on another disk") from None
