"""Observation: while the operator only looks at a tool, calls of it that would be refused run, and are recorded so.

The operator says it in the catalogue, which the root key signs with the trust bundle; whoever has neither observes
nothing (SPEC section 9.12).
"""

from __future__ import annotations

from enum import StrEnum

from delegation.core import limits
from delegation.core.trust import CatalogueTool, TrustBundle


class Observation(StrEnum):
    """Who says that a call that was refused has run, since its tool was under observation."""

    LISTED = "listed"
    """The operator's catalogue."""
    CLAIMED = "claimed"
    """The guard that let it run, and no catalogue that the service has had."""


def is_observed(tool: CatalogueTool | None, bundle: TrustBundle, now_ms: int) -> bool:
    """Tell whether a tool is under observation.

    Args:
        tool: what the bundle's catalogue says of it; None: it does not list it.
        bundle: the trust bundle in use.
        now_ms: the time.
    """
    if tool is None or not tool.observe_until_ms:
        return False
    # A clock that was put back makes nothing last: what is told here would be refused for anything else.
    if now_ms < bundle.issued_at_ms - limits.NOT_BEFORE_LEEWAY_MS:
        return False
    return now_ms < min(tool.observe_until_ms, bundle.expires_at_ms) and is_within_bounds(tool, bundle)


def is_within_bounds(tool: CatalogueTool, bundle: TrustBundle) -> bool:
    """Tell whether an observation ends soon enough to count; one that does not is none at all.

    It is not cut short: every bundle that is signed anew would make it longer, and it would never end.
    """
    return tool.observe_until_ms <= bundle.issued_at_ms + limits.OBSERVE_MS
