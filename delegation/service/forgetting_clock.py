"""The clock by which things are forgotten: never ahead of the time that has really gone by, as far as that is known.

A wall clock that is ahead, by a mistaken time server, a machine that was asleep, or one that has just been switched on,
must not make a service forget what is still needed once the clock is right again: what is revoked, above all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from delegation.service.ids import Clock

MARGIN_MS: Final = 10 * 60 * 1000
"""Things are kept so much longer: what was known of the time may have been by a clock that was a little ahead."""

SETTLED_MS: Final = 60 * 60 * 1000
"""A wall clock that is ahead of what is known is believed when it has stayed there for so long."""

_NS_PER_MS: Final = 1_000_000


class ForgettingClock:
    """Tells the lesser of the wall clock and of the time that is known, which goes on by the monotonic clock.

    To be asked every minute or so. While a wall clock is not believed yet, a little more is kept than need be.

    Args:
        now_ms: the wall clock.
        since_ms: the time that had been reached before this process began; None: there is nothing from before that
            could be forgotten, so the wall clock is believed from the beginning.
        monotonic_ns: a clock that is never put forward or back.
    """

    def __init__(
        self, now_ms: Clock, *, since_ms: int | None = None, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._now_ms = now_ms
        self._monotonic_ns = monotonic_ns
        self._known_ms = (now_ms() if since_ms is None else since_ms) - self._monotonic_ms()
        self._claimed: tuple[int, int] | None = None

    def __call__(self) -> int:
        """Tell the time up to which things may be forgotten, milliseconds since the Unix epoch."""
        return max(0, self.time_ms() - MARGIN_MS)

    def time_ms(self) -> int:
        """Tell the time that has been reached at least, for a later process to begin with."""
        wall_ms, monotonic_ms = self._now_ms(), self._monotonic_ms()
        ahead_ms = wall_ms - monotonic_ms
        if ahead_ms <= self._known_ms:
            self._claimed = None
            return wall_ms
        claimed_ms, began_ms = self._claimed or (ahead_ms, monotonic_ms)
        least_ms = min(claimed_ms, ahead_ms)
        self._claimed = least_ms, began_ms
        if monotonic_ms - began_ms >= SETTLED_MS:
            self._known_ms, self._claimed = least_ms, None
        return min(wall_ms, self._known_ms + monotonic_ms)

    def _monotonic_ms(self) -> int:
        return self._monotonic_ns() // _NS_PER_MS
