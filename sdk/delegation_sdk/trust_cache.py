"""The trust bundle in a file, so that a guard that starts anew goes back to none that was superseded.

What is read is as unverified as what is fetched: the keeper checks both against the root key.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from delegation.core import limits
from delegation.core.codec import decode_statement, encode_statement
from delegation.core.named_tuple import NamedTuple
from delegation.core.statement import SignedStatement
from delegation.errors import ConfigError, Refused

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "trust-bundle"
_LENGTH_BYTES: Final = 4


class CachedTrust(NamedTuple):
    """A signed trust bundle and the bytes of its catalogue, unverified."""

    bundle: SignedStatement
    catalogue: bytes


class TrustCache:
    """The file of one guard.

    Args:
        directory: Where it is; made if need be.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def load(self) -> CachedTrust | None:
        """Read what was kept, or None if nothing was.

        Raises:
            ConfigError: It cannot be read, or is damaged.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"cannot read {self._path}: {error.strerror}; check its permissions") from None
        length = int.from_bytes(content[:_LENGTH_BYTES], "big")
        statement, catalogue = content[_LENGTH_BYTES:][:length], content[_LENGTH_BYTES + length :]
        try:
            return CachedTrust(decode_statement(statement, limits.DOCUMENT_BYTES), catalogue)
        except Refused:
            raise ConfigError(f"{self._path} is damaged: remove it to begin with the service's bundle") from None

    def store(self, trust: CachedTrust) -> None:
        """Keep a bundle in place of the former one: whole, or not at all.

        Raises:
            ConfigError: It cannot be written.
        """
        # They load much that tools without a cache do not need.
        import tempfile
        from pathlib import Path

        statement = encode_statement(trust.bundle)
        content = len(statement).to_bytes(_LENGTH_BYTES, "big") + statement + trust.catalogue
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=f".{FILE}.", delete=False) as file:
                try:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                    Path(file.name).replace(self._path)
                except OSError:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            _sync(self._path.parent)
        except OSError as error:
            raise ConfigError(f"cannot write {self._path}: {error.strerror}; check its permissions") from None


def _sync(directory: Path) -> None:
    """Make the names in a directory durable: after a power loss the former bundle must not be back."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
