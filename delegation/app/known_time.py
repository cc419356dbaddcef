"""The time that was known when this machine last looked: what a process forgets by that starts under another clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from delegation.app.pinned_root import BUNDLE_DOCUMENT
from delegation.errors import ConfigError
from delegation.private_files import write_private
from delegation.service.forgetting_clock import ForgettingClock
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage

FILE: Final = "known-time"
_EVERY_SECONDS: Final = 60.0
_MAX_BYTES: Final = 20


class KnownTime:
    """The file, in the state directory.

    Args:
        directory: the state directory.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def read(self) -> int:
        """Give the time, milliseconds since the Unix epoch; 0 if none is known. Whatever is wrong, more is kept."""
        try:
            return max(0, int(self._path.read_bytes()[:_MAX_BYTES]))
        except (OSError, ValueError):
            return 0

    def write(self, time_ms: int) -> None:
        """Keep a time. Raises `ConfigError`."""
        write_private(self._path, f"{time_ms}\n".encode())

    async def clock(self, storage: Storage, now_ms: Callable[[], int]) -> ForgettingClock:
        """Make the clock by which a process forgets. A database that nobody was served from has nothing to lose.

        Raises:
            StorageError: the database cannot be read.
        """
        served = await storage.document(BUNDLE_DOCUMENT) is not None
        return ForgettingClock(now_ms, since_ms=self.read() if served else None)

    async def follow(self, clock: ForgettingClock) -> None:
        """Keep the time now and then, until cancelled."""
        said = False
        while True:
            try:
                await asyncio.to_thread(self.write, clock.time_ms())
                said = False
            except ConfigError as error:  # a full disk is reported elsewhere, and must not end this
                if not said:
                    log_unexpected("keeping the time", error)
                said = True
            await asyncio.sleep(_EVERY_SECONDS)
