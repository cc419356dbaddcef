"""Adapter: on whose behalf a grant is asked for, shown by an OpenID Connect ID token for this service.

Such a token says who a person is; it lets nobody call anything. So it is taken for `Grant` alone, and an access token
is not taken in its place, nor the other way round (RFC 8725 sections 3.11 and 3.12).
Source: OpenID Connect Core section 3.1.3.7.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.names import is_name
from delegation.errors import Reason, refusal
from delegation.identity.claims import check_claims, name_of, seconds_of
from delegation.identity.jws import BadToken, UnverifiedToken, read_token
from delegation.identity.key_source import verify_signature
from delegation.identity.token_callers import TokenIssuer

FIELD: Final = "principal_token"
# Of logout tokens (Back-Channel Logout 2.4), which name a user as well, and of access tokens (RFC 9068 section 2.2).
_NOT_OF_ID_TOKENS: Final = frozenset({"events", "client_id", "scope", "scp"})


class PrincipalTokens:
    """Reads ID tokens of the issuers that the operator has listed."""

    def __init__(self, issuers: Mapping[str, TokenIssuer], *, now_ms: Callable[[], int]) -> None:
        """Make a reader.

        Args:
            issuers: Those of ID tokens, by their identifier.
            now_ms: The wall clock, milliseconds since 1970.
        """
        self._issuers = issuers
        self._now_ms = now_ms

    async def principal(self, token: bytes) -> Principal:
        """Return the principal that a token shows.

        Raises:
            Refused: The token is not taken; `field` is `principal_token`, and nothing of the token is in it.
        """
        try:
            return await self._principal(read_token(token))
        except BadToken as bad:
            raise refusal(bad.reason, field=FIELD, detail=f"the token {bad.why}") from None

    async def _principal(self, token: UnverifiedToken) -> Principal:
        named = token.claims.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise BadToken(Reason.ISSUER_UNKNOWN, "is of an issuer whose principals are not accepted here")
        await verify_signature(token, issuer.keys)
        check_claims(token, issuer.expected, now_ms=self._now_ms())
        claims = token.claims
        if foreign := _NOT_OF_ID_TOKENS & claims.keys():
            raise BadToken(Reason.FIELD_INVALID, f"is no ID token: it has the claim {min(foreign)}")
        authenticated_s = seconds_of(claims, "auth_time") or 0
        if authenticated_s * 1000 > self._now_ms() + issuer.expected.clock_skew_ms:
            raise BadToken(Reason.NOT_YET_VALID, "says that the person signed in in the future")
        return Principal(
            subject=name_of(claims, "sub"),
            issuer=name_of(claims, "iss"),
            basis=PrincipalBasis.OIDC_ID_TOKEN,
            token_digest=hashlib.sha256(token.raw).digest(),
            authenticated_at_ms=int(authenticated_s * 1000),
            authentication_strength=_strength(claims.get("acr")),
        )


def _strength(acr: object) -> str:
    """Return how strongly the person was authenticated; what cannot be written into a link refuses the token."""
    if acr is None or acr == "":
        return ""
    if not isinstance(acr, str) or not is_name(acr):
        raise BadToken(Reason.FIELD_INVALID, "has an acr that is no name")
    return acr
