"""Is this process ready for work? It is while the database takes writes and the revocation feed is followed."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from delegation.errors import StorageError
from delegation.service.feed import RevocationFeed
from delegation.storage.port import Storage

PATIENCE_SECONDS: Final = 5.0
"""A database that takes longer for one small write takes none."""


class Readiness:
    """Checks both, again and again."""

    def __init__(self, storage: Storage, feed: RevocationFeed) -> None:
        self._storage = storage
        self._feed = feed
        self._behind: int | None = None
        self._known_at_s = time.monotonic()

    def feed_age_s(self) -> float:
        """Tell how long ago the feed was last known to be whole, in seconds."""
        return time.monotonic() - self._known_at_s

    async def __call__(self) -> None:
        """Return if ready.

        Raises:
            StorageError: the database takes no write; it has gone back; or the feed is where it was at the last check
                although the database's is further: what was revoked since is not known here.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._storage.check()
                head = await self._storage.head_position()
        except TimeoutError:
            raise StorageError("storage_unavailable", "the database does not answer") from None
        position = self._feed.position
        if head < position:
            raise StorageError("storage_unavailable", f"the database has gone back, from {position} to {head}")
        stuck = self._behind == position
        self._behind = position if position < head else None
        if position >= head:
            self._known_at_s = time.monotonic()
        if stuck and position < head:
            raise StorageError("storage_unavailable", f"the revocation feed is not followed beyond {position}")
