"""Break-glass: an operator's signed order to go on for a time, with a feed that is too old or without the service.

Here is what such an order says and whether it concerns a call (SPEC section 9.10). It changes how old the feed may be
and who decides; what a chain permits, whose it is, and what is known to be revoked, it does not touch.
"""

from __future__ import annotations

from delegation.core.named_tuple import NamedTuple
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason, refusal

ALL_EFFECTS = frozenset(Effect)
"""What a tool may do that the catalogue does not list."""


class BreakGlass(NamedTuple):
    """An operator takes the risk of a feed that is too old, for these audiences and effects, for a time.

    Attributes:
        audiences: whom it concerns; not empty.
        justification: why.
        not_before_ms, expires_at_ms: from when until when it counts.
        operator: the person who gives it.
        nonce: 16 random bytes; decision records name it by them.
        effects: what tools may do at most; not empty.
        maximum_feed_age_ms: how old the feed may be meanwhile.
        single_use: True if it lets one call pass and no other.
    """

    audiences: tuple[str, ...]
    justification: str
    not_before_ms: int
    expires_at_ms: int
    operator: str
    nonce: bytes
    effects: frozenset[Effect]
    maximum_feed_age_ms: int
    single_use: bool = False


def effects_of(tool: CatalogueTool | None) -> frozenset[Effect]:
    """Give what a tool may do: everything, if nothing is said about it."""
    return tool.effects if tool is not None else ALL_EFFECTS


def require_covers(order: BreakGlass, *, audience: str, effects: frozenset[Effect], now_ms: int) -> None:
    """Require that an order concerns a call (B-3). That one of single use is used once, is the caller's to see to.

    Args:
        order: as `open_break_glass` gave it.
        audience: the verifier's own audience.
        effects: of the tool that is about to run.
        now_ms: the time.

    Raises:
        Revoked: FEED_STALE, as without it.
    """
    if audience not in order.audiences:
        raise refusal(Reason.FEED_STALE, detail="the break-glass statement names other audiences")
    if not order.not_before_ms <= now_ms < order.expires_at_ms:
        raise refusal(Reason.FEED_STALE, detail="the break-glass statement does not count now")
    if not effects <= order.effects:
        raise refusal(Reason.FEED_STALE, detail="the break-glass statement does not take the risk of such a tool")
