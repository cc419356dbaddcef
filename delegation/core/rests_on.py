"""What a chain rests on that can be revoked, as keys of the revocation feed (SPEC section 9.1)."""

from __future__ import annotations

from delegation.core.chain import GrantClaims, SignedLink
from delegation.core.revocation import RevocationKind, principal_id, revocation_key

_LINK_TAG = revocation_key(RevocationKind.LINK, b"")
_HOLDER_TAG = revocation_key(RevocationKind.HOLDER_KEY, b"")
_AGENT_TAG = revocation_key(RevocationKind.AGENT, b"")


def link_keys(signed: SignedLink) -> tuple[bytes, bytes, bytes]:
    """Give the keys of what a link brings in: itself, its holder key, its agent."""
    link = signed.link
    return _LINK_TAG + signed.link_id, _HOLDER_TAG + link.holder_key, _AGENT_TAG + link.holder_agent.encode()


def _grant_keys(grant: GrantClaims) -> tuple[bytes, bytes, bytes]:
    return (
        revocation_key(RevocationKind.TASK, grant.task_id),
        revocation_key(RevocationKind.PRINCIPAL, principal_id(grant.principal.issuer, grant.principal.subject)),
        revocation_key(RevocationKind.ISSUER_KEY, grant.issuer_key_id),
    )


def revocation_keys(links: tuple[SignedLink, ...]) -> frozenset[bytes]:
    """Give the keys of all that these links rest on, grant first."""
    grant = links[0].link.grant
    keys = [] if grant is None else [*_grant_keys(grant)]
    for signed in links:
        keys += link_keys(signed)
    return frozenset(keys)
