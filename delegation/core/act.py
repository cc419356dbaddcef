"""A verified chain as OAuth writes one: nested `act` claims. For information: nothing is ever permitted because of it.

Who reads OAuth tokens can show and log this; it is unsigned, and without the holder's proof it lets nobody do anything.
Source: RFC 8693 section 4.1.
"""

from __future__ import annotations

from typing import Any

from delegation.core.chain import PrincipalBasis, VerifiedChain


def act_claims(chain: VerifiedChain, *, now_ms: int) -> dict[str, Any]:
    """Give the claims of a chain: its principal, and inside `act` whoever acts, the last one outermost.

    A grant's holder that works on its own behalf is the principal, and no actor for another.

    Args:
        chain: The chain.
        now_ms: The time for which to say whom the service vouches for, milliseconds since 1970.

    Returns:
        `sub`, `iss`, `exp` in seconds, and `act` if somebody acts for the principal. A principal that no token has
        shown, and an actor whose id is its delegator's word (SPEC T-7), have `asserted: true`.
    """
    principal = chain.principal
    first = 1 if principal.subject == chain.agents[0] else 0
    actor: dict[str, Any] | None = None
    for index in range(first, chain.depth):
        named: dict[str, Any] = {"sub": chain.agents[index]}
        if not chain.bound(index, now_ms):
            named["asserted"] = True
        if actor is not None:
            named["act"] = actor
        actor = named
    claims: dict[str, Any] = {"sub": principal.subject, "iss": principal.issuer, "exp": chain.expires_at_ms // 1000}
    if principal.basis is PrincipalBasis.ASSERTED:
        claims["asserted"] = True
    if actor is not None:
        claims["act"] = actor
    return claims
