"""The clock by which things are forgotten: never ahead of the time that has really gone by since this process began.

A wall clock that is put forward for a moment, by a mistaken time server or a machine that was asleep, must not make a
service forget what is still needed once it is right again: what is revoked, above all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from delegation.service.ids import Clock

MARGIN_MS: Final = 10 * 60 * 1000
"""Things are kept so much longer: a process may begin under a clock that is ahead."""

_NS_PER_MS: Final = 1_000_000


class ForgettingClock:
    """Tells the lesser of the wall clock and of what it said first, plus the time gone by since; less a margin.

    A wall clock that was behind and is put right is followed only after a restart: until then a little more is kept.

    Args:
        now_ms: the wall clock.
        monotonic_ns: a clock that is never put forward or back.
    """

    def __init__(self, now_ms: Clock, *, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._now_ms = now_ms
        self._monotonic_ns = monotonic_ns
        self._ahead_ms = now_ms() - monotonic_ns() // _NS_PER_MS

    def __call__(self) -> int:
        """Tell the time up to which things may be forgotten, milliseconds since the Unix epoch."""
        return min(self._now_ms(), self._ahead_ms + self._monotonic_ns() // _NS_PER_MS) - MARGIN_MS
