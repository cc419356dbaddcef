"""What is gone by while the catalogue of a trust bundle is not known: nothing is listed, but nothing gets looser."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from delegation.core import limits
from delegation.core.codec import decode_catalogue
from delegation.core.trust import Catalogue
from delegation.errors import Refused

if TYPE_CHECKING:
    from typing import Self

_Pair = tuple[str, str]


class UnknownCatalogue(Catalogue):
    """An empty catalogue, by which no tool is local and every one is of the most dangerous kind.

    For a tool that is known to want a younger revocation feed than that, it says so. It never says an older one, so
    that it does not matter whether what it was made of is true.

    Args:
        ages_ms: how old the feed may be when a tool runs, by audience and tool.
    """

    __slots__ = ("_ages_ms",)

    def __init__(self, ages_ms: Iterable[tuple[_Pair, int]] = ()) -> None:
        super().__init__()
        self._ages_ms: dict[_Pair, int] = {}
        for pair, age_ms in ages_ms:
            self._ages_ms[pair] = min(age_ms, self._ages_ms.get(pair, age_ms))

    @classmethod
    def after(cls, former: Catalogue, came: bytes) -> Self:
        """Make one of the catalogue that was known before, and of the bytes that came in the place of the right one."""
        ages_ms = [*_ages_ms(former)]
        with contextlib.suppress(Refused):
            ages_ms += _ages_ms(decode_catalogue(came))
        return cls(ages_ms)

    def maximum_feed_age_ms(
        self,
        audience: str,
        tool: str,
        *,
        read_ms: int = limits.FEED_AGE_READ_MS,
        other_ms: int = limits.FEED_AGE_OTHER_MS,
    ) -> int:
        """Tell how old a revocation feed may be when a tool runs (R-10)."""
        unlisted_ms = super().maximum_feed_age_ms(audience, tool, read_ms=read_ms, other_ms=other_ms)
        return min(unlisted_ms, self._ages_ms.get((audience, tool), unlisted_ms))


def _ages_ms(catalogue: Catalogue) -> Iterator[tuple[_Pair, int]]:
    if isinstance(catalogue, UnknownCatalogue):
        yield from catalogue._ages_ms.items()  # noqa: SLF001 - one of its own kind
    for tool in catalogue.tools:
        if tool.maximum_feed_age_ms:
            yield (tool.audience, tool.tool), tool.maximum_feed_age_ms
