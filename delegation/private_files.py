"""Files that hold secrets: written whole or not at all, never readable by others.

Used by the adapters that keep keys on disk. Not for data: a database does its own durability.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from delegation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODE_PRIVATE = 0o600
_MODE_PRIVATE_DIRECTORY = 0o700
_MODE_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_directory(path: Path) -> None:
    """Create a directory only its owner may enter, with its parents; one that exists is left as it is.

    Raises:
        ConfigError: It cannot be created.
    """
    try:
        path.mkdir(mode=_MODE_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, "cannot create the directory", error) from None


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that readers see whole: the old content or the new, never a part.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        with _sibling(path, content) as temporary:
            temporary.replace(path)
    except OSError as error:
        raise _unusable(path, "cannot write", error) from None


def create_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 as `write_private` does, but never over one that exists.

    Raises:
        ConfigError: Something of that name exists, or it cannot be written.
    """
    try:
        with _sibling(path, content) as temporary:
            # A link, unlike a rename, fails when the name is taken: two creators cannot both win.
            path.hardlink_to(temporary)
    except FileExistsError:
        raise ConfigError(f"{path} exists and is never overwritten: choose another path, or move it away") from None
    except OSError as error:
        raise _unusable(path, "cannot write", error) from None


def read_private(path: Path, *, max_bytes: int) -> bytes:
    """Read a file that nobody but its owner may open.

    Raises:
        ConfigError: It is missing, not a plain file, larger than `max_bytes`, somebody else's, or open to group
            or world.
    """
    try:
        # Non-blocking, so that a pipe put in its place cannot hang the start; the mode is read from what was opened.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: create it, or correct the path") from None
    except OSError as error:
        raise _unusable(path, "cannot read", error) from None
    try:
        _refuse_unless_private(path, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > max_bytes:
        raise ConfigError(f"{path} is larger than {max_bytes} bytes: this is not the file meant here; correct the path")
    return content


def _refuse_unless_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path} is not a plain file: correct the path")
    if status.st_uid not in {os.geteuid(), 0}:
        raise ConfigError(f"{path} belongs to another user: chown it to the user who runs this")
    if status.st_mode & _MODE_OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigError(f"{path} is open to others (mode {mode:04o}): run `chmod 600 {path}`")


@contextlib.contextmanager
def _sibling(path: Path, content: bytes) -> Iterator[Path]:
    """A synced temporary file in the same directory, gone afterwards; the directory is synced, too."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, _MODE_PRIVATE)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        yield temporary
        _sync_directory(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, what: str, error: OSError) -> ConfigError:
    return ConfigError(f"{what} {path}: {error.strerror or error}; check the path and its permissions")
