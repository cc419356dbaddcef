"""Tools under observation: which, and until when; and entries that are too long to count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from delegation.app.doctor.finding import Finding, ok, warning
from delegation.core import limits
from delegation.core.observation import is_within_bounds
from delegation.service.observations import named_tools, observed_tools
from delegation.service.trust import Trust

_DAY_MS: Final = 24 * 60 * 60 * 1000


def check_observation(trust: Trust, now_ms: int) -> Iterator[Finding]:
    """Tell which tools run calls that would be refused."""
    observed = observed_tools(trust, now_ms)
    if observed:
        last_ms = max(tool.observe_until_ms for tool in observed)
        found = f"calls that would be refused run at {named_tools(observed)}, the last until {_moment(last_ms)}"
        yield warning("observation", found, "to enforce, take observe_until out of the catalogue and sign the bundle")
    else:
        yield ok("observation", "no tool is under observation: what is refused does not run")
    too_long = [tool for tool in trust.catalogue.tools if not is_within_bounds(tool, trust.bundle)]
    if too_long:
        days = limits.OBSERVE_MS // _DAY_MS
        found = f"observe_until of {named_tools(too_long)} is more than {days} days after the bundle was signed"
        yield warning("observation_bounds", f"{found}, and does not count", "bring it nearer, and sign the bundle")


def _moment(at_ms: int) -> str:
    """Write a moment that is near."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
