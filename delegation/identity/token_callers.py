"""Adapter: identity from a token that comes with a call: an OAuth access token in JWT form, or a JWT-SVID.

A bearer token is whoever's who has it. So it is taken only for this service's audience, for a short time, by an exact
pair of issuer and subject that the operator has listed; one that is bound to a key (`cnf`) is refused, since nothing
here checks that binding. Sources: RFC 6750, RFC 9068, RFC 8725, JWT-SVID specification sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from delegation.core.names import is_name
from delegation.errors import ConfigError, Reason, ServiceUnavailable, Unauthenticated
from delegation.identity.claims import Expected, check_claims, name_of, seconds_left
from delegation.identity.jws import BadToken, UnverifiedToken, read_token
from delegation.identity.key_source import KeySource, verify_signature
from delegation.identity.port import Caller, KnownCallers, Lasting, TokenHolder
from delegation.identity.spiffe import parse_spiffe_id
from delegation.identity.token_rules import PLAIN_TYPE

_BEARER: Final = "bearer "
_JOSE: Final = "jose"  # JWT-SVID 2.3 permits it beside JWT
_SPIFFE: Final = "spiffe://"
# OpenID Connect Core 2 and 3.3.2.11, Back-Channel Logout 2.4: of tokens that let nobody call anything.
_OF_ID_TOKENS: Final = frozenset({"nonce", "at_hash", "c_hash", "events"})


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """An issuer whose tokens are taken for one purpose.

    Attributes:
        keys: Its keys.
        expected: What its tokens have to say.
    """

    keys: KeySource
    expected: Expected


class TokenCallers:
    """Says who a caller is by the token that came with the call."""

    def __init__(
        self,
        identities: KnownCallers,
        *,
        issuers: Mapping[str, TokenIssuer],
        trust_domains: Mapping[str, TokenIssuer],
        holders: Mapping[TokenHolder, str],
        now_ms: Callable[[], int],
    ) -> None:
        """Make an authenticator.

        Args:
            identities: The callers that are known.
            issuers: Those of access tokens, by their identifier.
            trust_domains: Those of JWT-SVIDs, by the name of the trust domain.
            holders: The ids of the callers that access tokens stand for.
            now_ms: The wall clock, milliseconds since 1970.
        """
        self._identities = identities
        self._issuers = issuers
        self._trust_domains = trust_domains
        self._holders = holders
        self._now_ms = now_ms

    async def authenticate(self, authorization: str | None) -> Caller:
        """Return the caller whose token an `authorization` header holds.

        Raises:
            Unauthenticated: There is no token, or it is not taken; the text says why, and nothing of the token.
            ServiceUnavailable: It cannot be checked now.
        """
        return (await self.lasting(authorization)).caller

    async def lasting(self, authorization: str | None) -> Lasting:
        """Return the caller, and for how long its token is taken. Raises as `authenticate`."""
        if authorization is None:
            raise Unauthenticated("no credentials: send a bearer token, or connect with a client certificate")
        if authorization[: len(_BEARER)].lower() != _BEARER:
            raise Unauthenticated("the authorization header holds no bearer token")
        try:
            raw = authorization[len(_BEARER) :].encode("ascii")
        except UnicodeEncodeError:
            raise Unauthenticated("the authorization header holds no bearer token") from None
        try:
            token = read_token(raw)
            caller_id, expected = await self._caller_id(token)
            caller = _as_shown(self._identities.find(caller_id), token)
            return Lasting(caller, seconds_left(token, expected, now_ms=self._now_ms()))
        except BadToken as bad:
            if bad.reason is Reason.SERVICE_UNAVAILABLE:
                raise ServiceUnavailable(f"the bearer token {bad.why}") from None
            raise Unauthenticated(f"the bearer token {bad.why}") from None

    async def _caller_id(self, token: UnverifiedToken) -> tuple[str, Expected]:
        issuer, subject = token.claims.get("iss"), token.claims.get("sub")
        if isinstance(issuer, str) and issuer in self._issuers:
            await self._check(token, self._issuers[issuer])
            return self._holder_of(issuer, token), self._issuers[issuer].expected
        if isinstance(subject, str) and subject.startswith(_SPIFFE):
            return await self._spiffe_id(token, subject)
        raise BadToken(Reason.ISSUER_UNKNOWN, "is of an issuer that is not accepted here")

    async def _check(self, token: UnverifiedToken, issuer: TokenIssuer) -> None:
        await verify_signature(token, issuer.keys)
        check_claims(token, issuer.expected, now_ms=self._now_ms())
        if foreign := _OF_ID_TOKENS & token.claims.keys():
            raise BadToken(Reason.FIELD_INVALID, f"is no access token: it has the claim {min(foreign)}")
        if "cnf" in token.claims:  # RFC 7800: whoever presents it must show a key, and nothing here asks for that
            raise BadToken(Reason.FIELD_INVALID, "is bound to a key, so that it is no bearer token")

    def _holder_of(self, issuer: str, token: UnverifiedToken) -> str:
        subject, client = name_of(token.claims, "sub"), token.claims.get("client_id")
        caller_id = self._holders.get(TokenHolder(issuer, subject))
        if caller_id is None and client == subject:
            # A client's own token. One that a user let the client have names the user as its subject.
            caller_id = self._holders.get(TokenHolder(issuer, subject, is_client=True))
        if caller_id is None:
            raise BadToken(
                Reason.ISSUER_UNKNOWN,
                "is of nobody known here: its operator can list its issuer with its subject or client_id as a token"
                " of an identity",
            )
        return caller_id

    async def _spiffe_id(self, token: UnverifiedToken, subject: str) -> tuple[str, Expected]:
        try:
            spiffe_id = parse_spiffe_id(subject)
        except ConfigError:
            raise BadToken(Reason.FIELD_INVALID, "has a subject that is no SPIFFE ID of a workload") from None
        issuer = self._trust_domains.get(spiffe_id.trust_domain)
        if issuer is None:
            raise BadToken(Reason.ISSUER_UNKNOWN, "is of a trust domain whose JWT-SVIDs are not accepted here")
        if token.type == _JOSE:
            token = UnverifiedToken(token.raw, token.algorithm, token.key_id, PLAIN_TYPE, token.claims)
        await self._check(token, issuer)
        return str(spiffe_id), issuer.expected


def _as_shown(caller: Caller, token: UnverifiedToken) -> Caller:
    """Say what a token that was checked says of how its caller was authenticated."""
    issuer, strength = token.claims.get("iss"), token.claims.get("acr")
    return replace(
        caller,
        vouched_by=issuer if isinstance(issuer, str) and is_name(issuer) else "",
        authentication_strength=strength if isinstance(strength, str) and is_name(strength) else "",
    )
