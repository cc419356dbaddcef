"""How far the revocation feed was when this machine last looked: apart from the database, to notice an older one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from delegation.errors import ConfigError
from delegation.private_files import write_private
from delegation.service.feed import RevocationFeed
from delegation.service.unexpected import log_unexpected

FILE: Final = "feed-position"
_EVERY_SECONDS: Final = 5.0
_MAX_BYTES: Final = 20


class KnownPosition:
    """The file, in the state directory. Without it nothing is known, which is the case on a fresh machine.

    Args:
        directory: the state directory.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def read(self) -> int:
        """Give the position; 0 if none is known. Raises `ConfigError`."""
        try:
            return int(self._path.read_bytes()[:_MAX_BYTES])
        except FileNotFoundError:
            return 0
        except (OSError, ValueError):
            raise ConfigError(f"{self._path} cannot be read as a number: correct or remove it") from None

    def write(self, position: int) -> None:
        """Keep a position, unless it is known to be further already. Raises `ConfigError`."""
        if position > self.read():
            self.replace(position)

    def replace(self, position: int) -> None:
        """Keep this position, whatever was known. Raises `ConfigError`."""
        write_private(self._path, f"{position}\n".encode())

    async def follow(self, feed: RevocationFeed) -> None:
        """Keep the feed's position now and then, until cancelled."""
        kept = -1
        while True:
            if (position := feed.position) != kept:
                try:
                    await asyncio.to_thread(self.write, position)
                    kept = position
                except Exception as error:  # noqa: BLE001 - a full disk is reported elsewhere, and must not end this
                    log_unexpected("keeping the feed's position", error)
                    kept = position
            await asyncio.sleep(_EVERY_SECONDS)
