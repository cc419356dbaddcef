"""How long to wait before trying again: doubling, with a random part so that many clients do not come back at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_RANDOM_BYTES: Final = 2


class Backoff:
    """Waiting times that grow while something keeps failing.

    Args:
        random: `random(n)` gives n unpredictable bytes.
        first_s: The first wait, at most, in seconds.
        longest_s: No wait is longer.
    """

    def __init__(self, random: Callable[[int], bytes], *, first_s: float = 0.1, longest_s: float = 5.0) -> None:
        self._random = random
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Give the next wait in seconds: between half and all of what has been doubled so far."""
        share = int.from_bytes(self._random(_RANDOM_BYTES), "big") / (1 << 8 * _RANDOM_BYTES)
        wait_s = self._next_s * (0.5 + share / 2)
        self._next_s = min(self._next_s * 2, self._longest_s)
        return wait_s

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._next_s = self._first_s
