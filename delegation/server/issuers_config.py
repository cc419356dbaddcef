"""The tables of the configuration that say where identities come from, besides certificate files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, model_validator

from delegation.errors import DelegationError
from delegation.identity.port import PrincipalRule, TokenHolder
from delegation.identity.spiffe import check_trust_domain
from delegation.identity.token_rules import (
    ACCESS_TOKEN_TYPE,
    ALGORITHMS,
    CLOCK_SKEW_MS,
    MAX_LIFETIME_MS,
    PLAIN_TYPE,
    check_url,
)
from delegation.server.config_sections import Section
from delegation.server.listen import ListenAddress, parse_listen_address

_ANY: Final = "any"
_Name = Annotated[str, Field(min_length=1, max_length=512)]


def _checked(check: Callable[[str], object]) -> BeforeValidator:
    """Validate with a check of ours, whose refusal becomes pydantic's."""

    def validate(value: object) -> object:
        try:
            return check(value) if isinstance(value, str) else value
        except DelegationError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(validate)


def _issuer_url(url: str) -> str:
    if "?" in url:
        raise ValueError("an issuer's URL has no query")
    return check_url(url, what="an issuer")


def _jwks_url(url: str) -> str:
    return check_url(url, what="a jwks_uri")


def _socket(value: str) -> str:
    """Read `unix:/path` or `unix:///path`."""
    address = parse_listen_address(value)
    if not address.unix_path.startswith("/"):
        raise ValueError("write unix:/path/of/the/socket")
    return str(address)


def _algorithms(value: object) -> object:
    if isinstance(value, list) and (unknown := sorted(set(map(str, value)) - ALGORITHMS)):
        raise ValueError(f"{unknown[0]} is not one of {', '.join(sorted(ALGORITHMS))}")
    return value


_TrustDomain = Annotated[str, _checked(check_trust_domain)]
_Url = Annotated[str, _checked(_issuer_url)]
_Address = Annotated[InstanceOf[ListenAddress], _checked(parse_listen_address), PlainSerializer(str, return_type=str)]


class SpiffeConfig(Section):
    """The SPIFFE Workload API: the service's own SVID, unless `tls` names files, and the bundles of trust domains.

    Attributes:
        workload_api: Its socket, `unix:/path`.
        trust_domains: Other trust domains whose callers are accepted, each by its own bundle.
        start_timeout_ms: How long to wait for the first SVID when the service starts.
    """

    workload_api: Annotated[str, _checked(_socket)]
    trust_domains: Annotated[frozenset[_TrustDomain], PlainSerializer(sorted)] = frozenset()
    start_timeout_ms: Annotated[int, Field(ge=100, le=600_000)] = 30_000


class BearerConfig(Section):
    """A second address, for callers that have a token and no certificate.

    Attributes:
        listen: `host:port`, with the server's certificate and without any of the client's; or `unix:/path`.
        jwt_svid_audience: What a JWT-SVID must name as audience; none are taken unless it is set.
    """

    listen: _Address
    jwt_svid_audience: _Name | None = None


class IssuerConfig(Section):
    """An issuer of OAuth access tokens, of OpenID Connect ID tokens, or of both.

    Attributes:
        url: Its identifier: what `iss` is, to the letter.
        access_token_audience: What its access tokens must name as audience; callers' tokens are not taken without.
        id_token_audience: What its ID tokens must name as their only audience; principals are not taken without.
        access_token_type: The `typ` of its access tokens: `at+jwt` (RFC 9068), or `JWT` for one that does not say.
        jwks_uri: Where its keys are; by default, where its discovery document says.
        ca: PEM file of the CA certificates of its TLS; by default, those that the machine trusts.
        algorithms: Those that its tokens may be signed with.
        clock_skew_ms: By how much its clock may be ahead or behind.
        max_token_lifetime_ms: The longest time that a token may still have.
        refresh_keys_ms: The time between two looks at its keys: so long may a withdrawn one still count.
        keep_keys_ms: How long its keys count while it cannot be reached.
        fetch_timeout_ms: How long one look may take.
        unknown_key_cooldown_ms: Tokens with an unknown key cause one look in this time, and up to three at once.
    """

    url: _Url
    access_token_audience: _Name | None = None
    id_token_audience: _Name | None = None
    access_token_type: Annotated[str, Field(pattern=r"^(at\+jwt|JWT)$")] = ACCESS_TOKEN_TYPE
    jwks_uri: Annotated[str, _checked(_jwks_url)] | None = None
    ca: Path | None = None
    algorithms: Annotated[
        frozenset[str], BeforeValidator(_algorithms), Field(min_length=1), PlainSerializer(sorted)
    ] = ALGORITHMS
    clock_skew_ms: Annotated[int, Field(ge=0, le=300_000)] = CLOCK_SKEW_MS
    max_token_lifetime_ms: Annotated[int, Field(ge=1_000, le=30 * 86_400_000)] = MAX_LIFETIME_MS
    refresh_keys_ms: Annotated[int, Field(ge=1_000, le=86_400_000)] = 300_000
    keep_keys_ms: Annotated[int, Field(ge=1_000, le=7 * 86_400_000)] = 3_600_000
    fetch_timeout_ms: Annotated[int, Field(ge=100, le=60_000)] = 5_000
    unknown_key_cooldown_ms: Annotated[int, Field(ge=100, le=3_600_000)] = 5_000

    @model_validator(mode="after")
    def _tells_its_tokens_apart(self) -> Self:
        if self.access_token_audience is None and self.id_token_audience is None:
            raise ValueError("nothing is taken from it: set access_token_audience, id_token_audience or both")
        if (
            self.access_token_type.lower() == PLAIN_TYPE
            and self.access_token_audience is not None
            and self.access_token_audience == self.id_token_audience
        ):
            raise ValueError(
                "an ID token could pass for an access token: give them two audiences, or let access tokens be at+jwt"
            )
        if self.keep_keys_ms < self.refresh_keys_ms:
            raise ValueError(
                "keep_keys_ms is less than refresh_keys_ms: its keys would be forgotten in between; raise it"
            )
        if self.url.startswith("https:") and (self.jwks_uri or "https:").startswith("http:"):
            raise ValueError("jwks_uri must begin with https://")
        return self


class TokenHolderConfig(Section):
    """Whose access tokens an identity has: one subject of an issuer, or a client acting for itself."""

    issuer: _Name
    subject: _Name | None = None
    client_id: _Name | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.subject is None) == (self.client_id is None):
            raise ValueError("name a subject or a client_id, and not both")
        return self

    def holder(self) -> TokenHolder:
        """Return the value."""
        return TokenHolder(self.issuer, self.subject or self.client_id or "", is_client=self.subject is None)


def _subjects(value: object) -> object:
    """Require that somebody meant something: an empty list would be nobody."""
    if value != _ANY and (not isinstance(value, (list, frozenset)) or not value):
        raise ValueError('write "any", or a list of subjects')
    return value


def _shown_subjects(subjects: str | frozenset[str]) -> Any:
    return subjects if isinstance(subjects, str) else sorted(subjects)


class PrincipalRuleConfig(Section):
    """On whose behalf an orchestrator may ask for grants: subjects of an issuer of ID tokens, or `"any"` of them."""

    issuer: _Name
    subjects: Annotated[Literal["any"] | frozenset[_Name], BeforeValidator(_subjects), PlainSerializer(_shown_subjects)]

    def rule(self) -> PrincipalRule:
        """Return the value."""
        return PrincipalRule(self.issuer, None if isinstance(self.subjects, str) else self.subjects)
