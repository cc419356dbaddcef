"""Clock and randomness as one value, so that nothing here reads a global."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

from delegation.core.named_tuple import NamedTuple

_RANDOM_TAIL_BYTES: Final = 10


class Sources(NamedTuple):
    """Where time and randomness come from.

    Attributes:
        now_ms: Milliseconds since the Unix epoch.
        monotonic_ms: Milliseconds on a clock that nobody sets.
        random: `random(n)` gives n unpredictable bytes.
    """

    now_ms: Callable[[], int]
    monotonic_ms: Callable[[], int]
    random: Callable[[int], bytes]

    @classmethod
    def system(cls) -> Sources:
        """The machine's own."""
        return cls(
            now_ms=lambda: time.time_ns() // 1_000_000,
            monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
            random=os.urandom,
        )

    def new_id(self) -> bytes:
        """Make an id of 16 bytes that sorts by time, as a UUIDv7 does: a database inserts such keys fast."""
        return self.now_ms().to_bytes(6, "big") + self.random(_RANDOM_TAIL_BYTES)
