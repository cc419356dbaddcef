"""What the database knows of the feed, in pieces of bounded size, read and encoded once for all who ask at a time.

A fleet of guards that starts anew asks for the same million revocations, and must not keep the service from its work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from delegation.core.codec import encode_revocations
from delegation.core.revocation import Revocation, RevocationKind
from delegation.storage.port import Storage

PIECE_REVOCATIONS: Final = 2_000
"""Revocations in one signed piece: some 60 KB, and some milliseconds of work, after which others have their turn."""

KEPT_BYTES: Final = 64 * 1024 * 1024
"""What is kept of a snapshot for others who ask within a minute: about two million revocations."""


class Piece(NamedTuple):
    """A piece of the feed before it is signed.

    Attributes:
        from_position, to_position: the feed's position before and after it.
        more: whether further ones follow.
        revocations: canonical, as in a `RevocationFeedEntry`.
    """

    from_position: int
    to_position: int
    more: bool
    revocations: bytes


class StoredFeed:
    """The feed as the database has it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._kept: dict[int, Piece] = {}
        self._kept_bytes = 0
        self._asked = False
        self._reading = asyncio.Lock()

    async def pieces(self, after: int, now_ms: int) -> AsyncIterator[Piece]:
        """Give what follows a position and has not been forgotten by now. Raises `StorageError`."""
        self._asked = True
        more = True
        while more:
            piece = self._kept.get(after)
            if piece is None:
                async with self._reading:  # who waited here finds it kept
                    piece = self._kept.get(after) or await self._read(after, now_ms)
            else:
                await asyncio.sleep(0)  # others have their turn
            after, more = piece.to_position, piece.more
            yield piece

    def forget(self) -> None:
        """Let go of what is kept, if nobody has asked since the last time."""
        if not self._asked:
            self._kept.clear()
            self._kept_bytes = 0
        self._asked = False

    async def _read(self, after: int, now_ms: int) -> Piece:
        page = await self._storage.feed(after, PIECE_REVOCATIONS, live_at_ms=now_ms)
        more = len(page.entries) == PIECE_REVOCATIONS
        upto = page.entries[-1].position if more else max(page.head_position, after)
        encoded = encode_revocations(Revocation(RevocationKind(r.kind), r.id, r.expires_ms) for r in page.entries)
        piece = Piece(after, upto, more, encoded)
        if more and self._kept_bytes + len(encoded) <= KEPT_BYTES:
            self._kept[after] = piece
            self._kept_bytes += len(encoded)
        return piece
