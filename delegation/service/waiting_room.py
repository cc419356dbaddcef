"""Places for those who wait for somebody slow: so many in all, and nobody takes them all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from delegation.errors import Overloaded

_RETRY_AFTER_MS: Final = 500


class TooManyOfOneError(Overloaded):
    """Somebody has too much under way: there is room, and not for more of this."""


class WaitingRoom:
    """Gives places. Used from one event loop.

    Args:
        places: how many there are.
        share: how many of them one holder of grants has at most, with all that act below its grants.
    """

    def __init__(self, places: int, share: int) -> None:
        self._left = places
        self._share = share
        self._taken: dict[str, int] = {}

    @contextlib.contextmanager
    def place(self, holder: str) -> Iterator[None]:
        """Hold a place. Raises `Overloaded`: none is left; `TooManyOfOneError`: none for this holder."""
        taken = self._taken.get(holder, 0)
        if taken >= self._share:
            raise TooManyOfOneError("too many below this grant wait for the decision point")
        if not self._left:
            raise Overloaded("too many wait for the decision point", retry_after_ms=_RETRY_AFTER_MS)
        self._left -= 1
        self._taken[holder] = taken + 1
        try:
            yield
        finally:
            self._left += 1
            if self._taken[holder] == 1:
                del self._taken[holder]
            else:
                self._taken[holder] -= 1
