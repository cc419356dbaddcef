"""Is this process ready for work? It is while the database takes writes and the revocation feed is followed.

Where there is no key to sign with it may still be ready for a part of it: who asks is told of which purposes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Final

from delegation.core.trust import KeyPurpose
from delegation.errors import StorageError
from delegation.service.feed import RevocationFeed
from delegation.storage.port import Storage

PATIENCE_SECONDS: Final = 5.0
"""A database that takes longer for one small write takes none."""


class Readiness:
    """Checks all of it, again and again.

    Args:
        storage: the database.
        feed: the revocation feed as this process knows it.
        lacking: tells the purposes for which there is no key that may sign.
    """

    def __init__(
        self, storage: Storage, feed: RevocationFeed, lacking: Callable[[], Collection[KeyPurpose]] = tuple
    ) -> None:
        self._storage = storage
        self._feed = feed
        self._lacking = lacking
        self._behind: int | None = None
        self._known_at_s = time.monotonic()

    def feed_age_s(self) -> float:
        """Tell how long ago the feed was last known to be whole, in seconds."""
        return time.monotonic() - self._known_at_s

    async def __call__(self) -> frozenset[KeyPurpose]:
        """Return if ready, with the purposes for which nothing can be signed.

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
        return frozenset(self._lacking())
