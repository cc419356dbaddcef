"""Observation, as the service knows it: by its trust bundle in use, and by those that it had a moment ago.

A guard may be behind the service, and delivers its records late. What it says it has let run is recorded as it says
it, whatever is found here: the call has run. What is found is kept with it, for whoever looks (SPEC T-41).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, NamedTuple

from delegation.core.observation import Observation, is_observed
from delegation.core.records import DecisionRecord
from delegation.core.tool_id import tool_id
from delegation.core.trust import CatalogueTool
from delegation.service.trust import Trust

BEHIND_MS: Final = 10 * 60 * 1000
"""So long may a guard go by a bundle after the service has had a newer one; it asks for it every minute."""

_MOST_NAMED: Final = 5


BELIEVED_MS: Final = 24 * 60 * 60 * 1000
"""A guard is believed when it says when it decided, unless it tells later than that: at the end of a long outage."""

AHEAD_MS: Final = 60_000
"""So far ahead may its clock be."""


class Replaced(NamedTuple):
    """A trust bundle that was in use, and when another took its place."""

    trust: Trust
    at_ms: int


ReplacedTrust = Callable[[], Awaitable[Sequence[Replaced]]]
"""Gives the last bundles before the one in use."""


class Observations:
    """Tells whether tools are under observation.

    Args:
        trust: gives the trust bundle in use, with its catalogue.
        replaced: gives those before it.
    """

    def __init__(self, trust: Callable[[], Trust], replaced: ReplacedTrust) -> None:
        self._trust = trust
        self._replaced = replaced
        self._looked_up: tuple[int, Sequence[Replaced]] = (0, ())

    def __call__(self, audience: str, tool: str, now_ms: int) -> bool:
        """Tell whether a tool is under observation by the bundle in use."""
        return _observes(self._trust(), audience, tool, now_ms)

    async def of(self, record: DecisionRecord, now_ms: int) -> Observation | None:
        """Tell who says that a guard's call was under observation; None if the guard does not say so.

        Args:
            record: what the guard says.
            now_ms: when it tells.

        Raises:
            StorageError: the bundles before the one in use cannot be read.
        """
        if not record.observed:
            return None
        if not now_ms - BELIEVED_MS <= record.decided_at_ms <= now_ms + AHEAD_MS:
            return Observation.CLAIMED
        at = record.audience, record.tool, record.decided_at_ms
        if self(*at):
            return Observation.LISTED
        for each in await self._before():
            if record.decided_at_ms < each.at_ms + BEHIND_MS and _observes(each.trust, *at):
                return Observation.LISTED
        return Observation.CLAIMED

    async def _before(self) -> Sequence[Replaced]:
        version = self._trust().bundle.version
        if self._looked_up[0] != version:
            self._looked_up = version, await self._replaced()
        return self._looked_up[1]


def observed_tools(trust: Trust, now_ms: int) -> tuple[CatalogueTool, ...]:
    """Give the tools that are under observation by a bundle, in the catalogue's order."""
    return tuple(tool for tool in trust.catalogue.tools if is_observed(tool, trust.bundle, now_ms))


def named_tools(tools: Iterable[CatalogueTool]) -> str:
    """Name tools in a line: the first few, and how many more there are."""
    names = [tool_id(tool.audience, tool.tool) for tool in tools]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _observes(trust: Trust, audience: str, tool: str, now_ms: int) -> bool:
    return is_observed(trust.catalogue.find(audience, tool), trust.bundle, now_ms)
