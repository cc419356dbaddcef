"""What a token claims, judged: issuer, audience, time, type. Its signature was checked before (`jws`).

Sources: RFC 7519 section 4.1, RFC 8725 sections 3.8 to 3.12, RFC 9068 section 4, OpenID Connect Core section 3.1.3.7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from delegation.core.names import is_name
from delegation.errors import Reason
from delegation.identity.jws import BadToken, UnverifiedToken
from delegation.identity.token_rules import CLOCK_SKEW_MS, MAX_LIFETIME_MS, PLAIN_TYPE

_LATEST_S: Final = 253_402_300_799  # the end of the year 9999: later is a mistake in the unit


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say to be taken for one purpose.

    Attributes:
        audience: The name of this service; one of the token's audiences must be exactly it.
        type: The `typ` that it must have, in lower case; `jwt`: absent will do.
        issuer: What `iss` must be, exactly; None: it may be anything (a JWT-SVID, whose subject says it).
        sole_audience: Whether it must name no other audience.
        issued_at: Whether `iat` must be there.
        clock_skew_ms: By how much its issuer's clock may be ahead or behind.
        max_lifetime_ms: The longest time that a token may still have.
    """

    audience: str
    type: str
    issuer: str | None
    sole_audience: bool = False
    issued_at: bool = True
    clock_skew_ms: int = CLOCK_SKEW_MS
    max_lifetime_ms: int = MAX_LIFETIME_MS


def check_claims(token: UnverifiedToken, expected: Expected, *, now_ms: int) -> None:
    """Require that a token, whose signature was checked, is for this service, now, and of the expected type.

    Raises:
        BadToken: FIELD_INVALID, ISSUER_UNKNOWN, NOT_YOUR_AUDIENCE, EXPIRED, NOT_YET_VALID, LIFETIME_TOO_LONG.
    """
    claims = token.claims
    if (token.type or PLAIN_TYPE) != expected.type:
        raise BadToken(Reason.FIELD_INVALID, f"is not of the type {expected.type}")
    if expected.issuer is not None and claims.get("iss") != expected.issuer:
        raise BadToken(Reason.ISSUER_UNKNOWN, "is of another issuer")
    _check_audience(claims.get("aud"), expected)
    _check_time(claims, expected, now_ms)


def name_of(claims: Mapping[str, Any], claim: str) -> str:
    """Return a claim that has to be a name (SPEC F-5).

    Raises:
        BadToken: FIELD_INVALID; it is missing or none.
    """
    value = claims.get(claim)
    if not isinstance(value, str) or not is_name(value):
        raise BadToken(Reason.FIELD_INVALID, f"has no {claim} that is a name")
    return value


def seconds_of(claims: Mapping[str, Any], claim: str) -> float | None:
    """Return a claim that has to be a time, seconds since 1970; None if it is absent.

    Raises:
        BadToken: FIELD_INVALID; it is no time.
    """
    value = claims.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LATEST_S:
        raise BadToken(Reason.FIELD_INVALID, f"has a {claim} that is no time in seconds")
    return value


def seconds_left(token: UnverifiedToken, expected: Expected, *, now_ms: int) -> float:
    """Tell for how long a token that was checked is still taken, seconds. Raises `BadToken`, FIELD_INVALID."""
    return max(0, (seconds_of(token.claims, "exp") or 0) + (expected.clock_skew_ms - now_ms) / 1000)


def _check_audience(audience: object, expected: Expected) -> None:
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or expected.audience not in audiences:
        raise BadToken(Reason.NOT_YOUR_AUDIENCE, "is for another audience than this service")
    if expected.sole_audience and audiences != [expected.audience]:
        raise BadToken(Reason.NOT_YOUR_AUDIENCE, "is for other audiences besides this service")


def _check_time(claims: Mapping[str, Any], expected: Expected, now_ms: int) -> None:
    now_s, skew_s = now_ms / 1000, expected.clock_skew_ms / 1000
    expires_s, issued_s = seconds_of(claims, "exp"), seconds_of(claims, "iat")
    if expires_s is None:
        raise BadToken(Reason.FIELD_INVALID, "does not say when it expires")
    if issued_s is None and expected.issued_at:
        raise BadToken(Reason.FIELD_INVALID, "does not say when it was issued")
    if now_s >= expires_s + skew_s:
        raise BadToken(Reason.EXPIRED, "has expired")
    begins_s = max(issued_s or -math.inf, seconds_of(claims, "nbf") or -math.inf)
    if now_s < begins_s - skew_s:
        raise BadToken(Reason.NOT_YET_VALID, "is from the future")
    if expires_s - now_s > expected.max_lifetime_ms / 1000 + skew_s:
        raise BadToken(Reason.LIFETIME_TOO_LONG, f"lives longer than {expected.max_lifetime_ms} ms")
