"""Identifiers that the service draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Random = Callable[[int], bytes]
Clock = Callable[[], int]
"""Milliseconds since the Unix epoch."""

_TIME_BYTES: Final = 6
_RANDOM_BYTES: Final = 10


def time_ordered_id(now_ms: int, random: Random) -> bytes:
    """Draw a task or call id: 48 bits of time, then 80 random bits.

    Later ids sort after earlier ones, which keeps inserts into a database's index at its end.
    """
    return now_ms.to_bytes(_TIME_BYTES, "big") + random(_RANDOM_BYTES)


def time_of(identity: bytes) -> int:
    """Tell when a task or call id was drawn, milliseconds since the Unix epoch."""
    return int.from_bytes(identity[:_TIME_BYTES], "big")
