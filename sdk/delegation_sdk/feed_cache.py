"""The feed in a file, so that a guard can go on when it starts while the service is away (SPEC R-11).

Signed pieces one after another: a whole snapshot, then what came after it. What is read is as unverified as what
arrives: the watcher checks every piece again. A snapshot is written whole or not at all; what follows is appended, and
a tail that a crash has cut off only makes the feed older.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import struct
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from delegation.core import limits
from delegation.core.codec import decode_statement, encode_statement
from delegation.core.named_tuple import NamedTuple
from delegation.core.revocation import FeedEntry
from delegation.core.statement import SignedStatement
from delegation.errors import ConfigError, Malformed
from delegation_sdk.log import warn

FILE: Final = "revocation-feed"
RENEW_FROM_BYTES: Final = 16 * 1024 * 1024
"""What may follow the snapshot at least before a new one is fetched in place of both."""

_MAGIC: Final = b"delegation revocation feed 1\n"
_HEAD: Final = struct.Struct(">I8sQQ")
"""Before each piece: its bytes, the boot, the wall clock and the monotonic clock when it was kept."""

_LARGEST: Final = limits.DOCUMENT_BYTES + 1024
_OTHERS: Final = 0o077
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Kept(NamedTuple):
    """A piece as it was kept.

    Attributes:
        statement: The signed piece, unverified.
        kept_ms: The guard's wall clock when it was kept.
        monotonic_ms: Its monotonic clock then; None if the machine was started anew since.
    """

    statement: SignedStatement
    kept_ms: int
    monotonic_ms: int | None


class FeedCache:
    """The file of one guard. A second guard that is given the same directory reads it, and writes nothing.

    Args:
        directory: Where it is; made if need be.
        renew_from_bytes: What may follow the snapshot at least.

    Raises:
        ConfigError: The directory cannot be used.
    """

    def __init__(self, directory: Path, *, renew_from_bytes: int = RENEW_FROM_BYTES) -> None:
        self._path = directory / FILE
        self._renew_from_bytes = renew_from_bytes
        self._boot = _boot()
        self._writing = threading.Lock()
        self._file: IO[bytes] | None = None
        self._snapshot: IO[bytes] | None = None
        self._snapshot_bytes = self._good_bytes = 0
        self._since: list[tuple[FeedEntry, bytes]] | None = None
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(directory / f"{FILE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"cannot use {directory}: {error.strerror}; check the path and its permissions") from None
        self._writes = _taken(self._lock)

    def load(self) -> Iterator[Kept]:
        """Give what was kept, in order, up to the first piece that cannot be read; nothing if nothing was.

        A piece counts as good once the next one is asked for; `resume` cuts off what does not.

        Raises:
            ConfigError: The file cannot be read, or is open to others.
        """
        self._good_bytes = 0
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConfigError(f"cannot read {self._path}: {error.strerror}; check its permissions") from None
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_mode & _OTHERS:
                raise ConfigError(f"{self._path} is open to others: run `chmod 600 {self._path}`")
            if file.read(len(_MAGIC)) != _MAGIC:
                return
            while (kept := self._read(file)) is not None:
                yield kept
                self._good_bytes = file.tell()

    def resume(self) -> None:
        """Append to what was loaded from now on, as far as it was good."""
        if not self._writes or not self._good_bytes:
            return
        with self._failing():
            self._file = self._path.open("r+b")
            self._file.truncate(self._good_bytes)
            self._file.seek(self._good_bytes)
            self._snapshot_bytes = self._good_bytes

    def keep(self, statement: SignedStatement, entry: FeedEntry, *, now_ms: int, monotonic_ms: int) -> None:
        """Keep a piece that was taken."""
        if not self._writes:
            return
        frame = self._frame(statement, now_ms, monotonic_ms)
        with self._writing, self._failing():
            if not entry.snapshot:
                self._append(entry, frame)
                return
            if entry.from_position == 0:
                self._since = None  # whatever was being fetched in its place is older
                self._snapshot = self._begun()
            if self._snapshot is not None:
                self._snapshot.write(frame)
                if not entry.more:
                    self._put(self._snapshot)
                    self._snapshot = None

    @property
    def is_long(self) -> bool:
        """Whether so much follows the snapshot that a new one should be fetched."""
        file = self._file
        grown = file is not None and file.tell() >= self._snapshot_bytes * 2 + self._renew_from_bytes
        return grown and self._since is None

    def renew(self, pieces: Iterable[tuple[SignedStatement, FeedEntry, int, int]]) -> None:
        """Put a new snapshot in place of what is kept, while `keep` goes on. Called from a thread of its own.

        Args:
            pieces: The snapshot's, checked, each with wall and monotonic clock; whoever gives them may raise.
        """
        with self._writing:
            since: list[tuple[FeedEntry, bytes]] = []
            self._since = since
        snapshot: IO[bytes] | None = None
        last: FeedEntry | None = None
        try:
            with self._failing():
                snapshot = self._begun()
                for statement, entry, now_ms, monotonic_ms in pieces:
                    snapshot.write(self._frame(statement, now_ms, monotonic_ms))
                    last = entry
            with self._writing, self._failing():
                if last is not None and self._since is since:
                    for entry, frame in since:
                        if entry.to_position >= last.to_position and entry.issued_at_ms >= last.issued_at_ms:
                            snapshot.write(frame)
                    self._put(snapshot)
                    snapshot = None
        finally:
            if snapshot is not None:
                _discard(snapshot)
            with self._writing:
                if self._since is since:
                    self._since = None

    def drop(self) -> None:
        """Forget what is kept: it does not count."""
        if self._writes:
            with self._writing, self._failing():
                self._since = self._file = None
                self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the directory."""
        with self._writing:
            if self._lock < 0:
                return
            self._writes = False
            for file in (self._file, self._snapshot):
                if file is not None:
                    file.close()
            if self._snapshot is not None:
                Path(self._snapshot.name).unlink(missing_ok=True)
            self._file = self._snapshot = None
            os.close(self._lock)
            self._lock = -1

    # -- the file ----------------------------------------------------------------------------------------------

    def _frame(self, statement: SignedStatement, now_ms: int, monotonic_ms: int) -> bytes:
        encoded = encode_statement(statement)
        return _HEAD.pack(len(encoded), self._boot, now_ms, max(monotonic_ms, 0)) + encoded

    def _read(self, file: IO[bytes]) -> Kept | None:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        size, boot, kept_ms, monotonic_ms = _HEAD.unpack(head)
        if size > _LARGEST:
            return None
        try:
            statement = decode_statement(file.read(size), _LARGEST)
        except Malformed:
            return None
        return Kept(statement, kept_ms, monotonic_ms if boot == self._boot else None)

    def _append(self, entry: FeedEntry, frame: bytes) -> None:
        if self._file is not None:
            self._file.write(frame)
            self._file.flush()
        if self._since is not None:
            self._since.append((entry, frame))

    def _begun(self) -> IO[bytes]:
        if self._snapshot is not None:
            _discard(self._snapshot)
            self._snapshot = None
        file = tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=f".{FILE}.", delete=False)  # noqa: SIM115
        file.write(_MAGIC)
        return file

    def _put(self, snapshot: IO[bytes]) -> None:
        snapshot.flush()
        os.fsync(snapshot.fileno())
        Path(snapshot.name).replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        if self._file is not None:
            self._file.close()
        self._file, self._snapshot_bytes = snapshot, snapshot.tell()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Go on without keeping anything if the disk fails: what is kept stays as it is, and grows old."""
        try:
            yield
        except OSError as error:
            self._writes = False
            warn("the revocation feed is not kept any more: %s", error.strerror)


def _discard(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):
        file.close()
        Path(file.name).unlink(missing_ok=True)


def _taken(descriptor: int) -> bool:
    """Take the lock of the directory, if nobody has it; it is let go with the process."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _boot() -> bytes:
    """Name the time since the machine was started, as far as that can be known: monotonic clocks begin with it."""
    try:
        name = _BOOT_ID.read_bytes()
    except OSError:
        name = os.urandom(16)
    return hashlib.sha256(name).digest()[:8]
