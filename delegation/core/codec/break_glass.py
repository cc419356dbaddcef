"""Break-glass statements <-> bytes."""

from __future__ import annotations

from delegation.core import limits
from delegation.core.break_glass import BreakGlass
from delegation.core.codec.canonical import check_bytes, check_text, check_time, encode, encoder, invalid, strict
from delegation.core.codec.trust import effect_numbers, effects_from_numbers
from delegation.core.names import check_name
from delegation.v1 import statement_pb2 as pb


def decode_break_glass(payload: bytes) -> BreakGlass:
    """Read a payload whose signature was checked.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(pb.BreakGlass, payload, limits.STATEMENT_BYTES)
    audiences = tuple(check_name(audience, "an audience") for audience in message.audiences)
    if not audiences or list(audiences) != sorted(set(audiences)):
        invalid("audiences are missing, not sorted or repeated")
    not_before_ms = check_time(message.not_before_ms, "not_before_ms")
    expires_at_ms = check_time(message.expires_at_ms, "expires_at_ms")
    if not 0 < expires_at_ms - not_before_ms <= limits.BREAK_GLASS_MS:
        invalid("a break-glass statement counts for too long, or not at all")
    if not 0 < message.maximum_feed_age_ms <= limits.BREAK_GLASS_MS:
        invalid("a break-glass statement accepts any age of the feed, or none")
    return BreakGlass(
        audiences,
        check_text(message.justification, "a justification", limits.PURPOSE_BYTES) or invalid("no justification"),
        not_before_ms,
        expires_at_ms,
        check_name(message.operator, "an operator"),
        check_bytes(message.nonce, limits.NONCE_BYTES, "a nonce"),
        effects_from_numbers(message.effects),
        message.maximum_feed_age_ms,
        message.single_use,
    )


@encoder
def encode_break_glass(order: BreakGlass) -> bytes:
    """Give the canonical payload."""
    return encode(
        pb.BreakGlass(
            audiences=sorted(order.audiences),
            justification=order.justification,
            not_before_ms=order.not_before_ms,
            expires_at_ms=order.expires_at_ms,
            operator=order.operator,
            nonce=order.nonce,
            effects=effect_numbers(order.effects),
            maximum_feed_age_ms=order.maximum_feed_age_ms,
            single_use=order.single_use,
        )
    )
