"""The youngest revocations, in memory: what watchers lack that are a little behind.

Each is encoded once, when first asked for, whoever asks from wherever: to give a thousand of them costs no more than
to put a thousand pieces of bytes together.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from delegation.core.codec import encode_revocations
from delegation.core.revocation import Revocation
from delegation.service.feed_pieces import Piece

KEPT: Final = 20_000
"""So many at least; up to twice as many, so that letting go of them costs little."""

PIECE_POSITIONS: Final = 1_024
"""Pieces end at each multiple of this position, so that they are small, and the same for many."""


class RecentRevocations:
    """What was added last. Used from one event loop."""

    def __init__(self) -> None:
        self._begins = 0
        self._positions: list[int] = []
        self._revocations: list[Revocation | bytes] = []  # bytes: encoded

    def add(self, position: int, revocation: Revocation) -> None:
        """Remember one more, whose position is after all others'."""
        if len(self._positions) >= 2 * KEPT:
            self._begins = self._positions[-KEPT - 1]
            del self._positions[:-KEPT]
            del self._revocations[:-KEPT]
        self._positions.append(position)
        self._revocations.append(revocation)

    def reach(self, position: int) -> bool:
        """Tell whether all that came after a position is remembered."""
        return position >= self._begins

    def begins_piece(self, position: int) -> bool:
        """Tell whether pieces end at a position, wherever they begin."""
        return not position % PIECE_POSITIONS

    def piece_ends(self, after: int, published: int) -> int:
        """Tell up to where a piece from a position goes that all are given who are there.

        Args:
            after: the position, less than `published`.
            published: up to where watchers are told at all.
        """
        start = bisect_right(self._positions, after)
        following = self._positions[start] if start < len(self._positions) else published
        return min(published, following + -following % PIECE_POSITIONS)

    def piece(self, after: int, upto: int) -> Piece:
        """Give what came after a position that is reached, up to another one."""
        start = bisect_right(self._positions, after)
        end = bisect_right(self._positions, upto, lo=start)
        encoded = b"".join(self._encoded(index) for index in range(start, end))
        return Piece(after, upto, more=False, revocations=encoded)

    def _encoded(self, index: int) -> bytes:
        known = self._revocations[index]
        if not isinstance(known, bytes):
            known = self._revocations[index] = encode_revocations((known,))
        return known
