"""Whether what the configuration says about tokens goes together: nothing is taken by accident, or silently never."""

from __future__ import annotations

from collections.abc import Sequence

from delegation.identity.port import Role
from delegation.server.identity_config import IdentityConfig
from delegation.server.issuers_config import BearerConfig, IssuerConfig, SpiffeConfig


def check_tokens(
    bearer: BearerConfig | None,
    spiffe: SpiffeConfig | None,
    issuers: Sequence[IssuerConfig],
    identities: Sequence[IdentityConfig],
) -> None:
    """Refuse an issuer, a token or a principal that could never count.

    Raises:
        ValueError: One line that says what to do.
    """
    urls = [issuer.url for issuer in issuers]
    if len(set(urls)) != len(urls):
        raise ValueError("issuers lists one url twice: remove one of them")
    of_callers = {issuer.url for issuer in issuers if issuer.access_token_audience is not None}
    of_principals = {issuer.url for issuer in issuers if issuer.id_token_audience is not None}
    if bearer is None and of_callers:
        raise ValueError("bearer is missing: set bearer.listen, where callers with access tokens connect")
    if bearer is not None:
        _check_bearer(bearer, spiffe, of_callers)
    _check_identities(identities, of_callers, of_principals)


def _check_bearer(bearer: BearerConfig, spiffe: SpiffeConfig | None, of_callers: set[str]) -> None:
    if bearer.jwt_svid_audience is not None and spiffe is None:
        raise ValueError("bearer.jwt_svid_audience needs the keys of JWT-SVIDs: set spiffe.workload_api")
    if bearer.jwt_svid_audience is None and not of_callers:
        raise ValueError(
            "bearer takes no token: set access_token_audience of an issuer, or bearer.jwt_svid_audience, or remove it"
        )


def _check_identities(identities: Sequence[IdentityConfig], of_callers: set[str], of_principals: set[str]) -> None:
    holders = [each.holder() for identity in identities for each in identity.tokens]
    if len({(one.issuer, one.subject) for one in holders}) != len(holders):
        raise ValueError("identities lists one subject or client of an issuer twice: remove one of them")
    # Whom an approver is to the issuers of principals, so that nobody consents to what is done in their name.
    people = {each.holder() for identity in identities if Role.APPROVER in identity.roles for each in identity.tokens}
    for holder in holders:
        if holder.issuer not in of_callers and not (holder in people and holder.issuer in of_principals):
            raise ValueError(
                f"identities lists tokens of {holder.issuer}: list it in issuers, with access_token_audience"
            )
    for rule in (rule for identity in identities for rule in identity.principals):
        if rule.issuer not in of_principals:
            raise ValueError(
                f"identities lists principals of {rule.issuer}: list it in issuers, with id_token_audience"
            )
