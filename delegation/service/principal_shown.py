"""On whose behalf: what an ID token shows, asked for a grant and again when its principal has signed in anew."""

from __future__ import annotations

from delegation.core.chain import Principal
from delegation.errors import InvalidRequest
from delegation.identity.port import Caller, PrincipalReader


async def principal_shown(reader: PrincipalReader | None, caller: Caller, token: bytes) -> Principal:
    """Give the principal that a token shows, if the caller may work for them.

    Raises:
        InvalidRequest: this service takes no ID tokens.
        Refused: the token is not taken; `field` is `principal_token`.
        PolicyDenied: CEILING_EXCEEDED; the caller may not work for this principal.
    """
    if reader is None:
        raise InvalidRequest("a principal_token is not taken: this service has no issuer of ID tokens configured")
    principal = await reader.principal(token)
    caller.require_principal(principal)
    return principal
