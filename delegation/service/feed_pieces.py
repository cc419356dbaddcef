"""What the database knows of the feed, in pieces of bounded size, read and encoded once for all who ask at a time.

A fleet of guards that starts anew asks for the same million revocations, and must not keep the service from its work.
Wherever a guard begins, it soon comes to a position from which the pieces are everybody's: so nobody makes the others
wait by asking from positions of his own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from delegation.core.codec import encode_revocations
from delegation.core.revocation import Revocation, RevocationKind
from delegation.storage.port import Storage
from delegation.storage.records import RevocationRecord

PIECE_REVOCATIONS: Final = 2_000
"""Revocations in one signed piece; some 60 KB, and some milliseconds of work, after which others have their turn."""

SHARED_FROM: Final = 8_192
"""Pieces end at each multiple of this position, and from there on all read the same."""

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


async def _at_once() -> None:
    """Wait for nobody."""


class StoredFeed:
    """The feed as the database has it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._kept: dict[int, Piece] = {}
        self._kept_bytes = 0
        self._used: set[int] = set()
        self._reading: dict[int, asyncio.Task[Piece]] = {}

    async def pieces(
        self, after: int, now_ms: int, turn: Callable[[], Awaitable[None]] = _at_once
    ) -> AsyncIterator[Piece]:
        """Give what follows a position and has not been forgotten by now.

        Args:
            after: the position.
            now_ms: the time.
            turn: waited for before each piece.

        Raises:
            StorageError: the database cannot be read.
        """
        shared, more = after % SHARED_FROM == 0, True
        while more:
            await turn()
            piece = await (self._shared(after, now_ms) if shared else self._read(after, now_ms))
            after, more = piece.to_position, piece.more
            shared = shared or after % SHARED_FROM == 0
            yield piece

    def forget(self) -> None:
        """Let go of what nobody has asked for since the last time."""
        self._kept = {after: piece for after, piece in self._kept.items() if after in self._used}
        self._kept_bytes = sum(len(piece.revocations) for piece in self._kept.values())
        self._used.clear()

    async def _shared(self, after: int, now_ms: int) -> Piece:
        """Give a piece that others may have read, or are reading."""
        self._used.add(after)
        if (kept := self._kept.get(after)) is not None:
            await asyncio.sleep(0)  # others have their turn
            return kept
        reading = self._reading.get(after)
        if reading is None:
            reading = self._reading[after] = asyncio.create_task(self._read(after, now_ms))
            reading.add_done_callback(lambda _: self._reading.pop(after, None))
        piece = await asyncio.shield(reading)  # whoever began it may go away
        if piece.more and after not in self._kept and self._kept_bytes + len(piece.revocations) <= KEPT_BYTES:
            self._kept[after] = piece
            self._kept_bytes += len(piece.revocations)
        return piece

    async def _read(self, after: int, now_ms: int) -> Piece:
        page = await self._storage.feed(after, PIECE_REVOCATIONS, live_at_ms=now_ms)
        if len(page.entries) < PIECE_REVOCATIONS:
            return Piece(after, max(page.head_position, after), more=False, revocations=_encoded(page.entries))
        upto = page.entries[-1].position
        boundary = upto - upto % SHARED_FROM
        if boundary > after:
            upto = boundary
        encoded = _encoded([each for each in page.entries if each.position <= upto])
        return Piece(after, upto, more=True, revocations=encoded)


def _encoded(records: Sequence[RevocationRecord]) -> bytes:
    return encode_revocations(Revocation(RevocationKind(each.kind), each.id, each.expires_ms) for each in records)
