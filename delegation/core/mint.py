"""Signing links: a grant by the issuer, a handoff by the holder of the link before it.

What is signed here is first read back as a verifier would: nothing is minted that would be refused.
"""

from __future__ import annotations

from delegation.core import limits
from delegation.core.chain import GrantClaims, Link, Principal, SignedLink, TraceIds
from delegation.core.codec import decode_link, encode_link, parse_link
from delegation.core.keys import Purpose, Signer, link_id, signing_input
from delegation.core.narrowing import narrower
from delegation.core.scope import Scope
from delegation.errors import Reason, refusal


def sign_grant(
    issuer: Signer,
    *,
    task_id: bytes,
    principal: Principal,
    holder_key: bytes,
    holder_agent: str,
    scope: Scope,
    purpose: str,
    now_ms: int,
    lifetime_ms: int,
    max_depth: int,
    unrecorded_handoffs: bool,
    nonce: bytes,
    trace: TraceIds | None = None,
) -> SignedLink:
    """Sign the first link of a chain.

    Args:
        issuer: the service's grant key.
        task_id: 16 bytes.
        principal: on whose behalf.
        holder_key: the holder's public key, 32 bytes.
        holder_agent: the holder's agent id.
        scope: what is granted.
        purpose: why.
        now_ms: the time; the grant is valid from now on.
        lifetime_ms: for how long, at most 24 h.
        max_depth: how many handoffs may follow one another.
        unrecorded_handoffs: True if they need no receipt.
        nonce: 16 random bytes.
        trace: ids of the span of the grant.

    Raises:
        Malformed: what is wrong with a value.
        OutsideTime: LIFETIME_TOO_LONG.
    """
    if not 0 < lifetime_ms <= limits.GRANT_LIFETIME_MS:
        raise refusal(Reason.LIFETIME_TOO_LONG)
    link = Link(
        limits.FORMAT_VERSION,
        nonce,
        now_ms,
        now_ms,
        now_ms + lifetime_ms,
        holder_key,
        holder_agent,
        max_depth,
        scope,
        purpose,
        trace,
        GrantClaims(issuer.key_id, task_id, principal, unrecorded_handoffs),
    )
    return _sign(link, issuer, Purpose.GRANT, b"")


def sign_handoff(
    parent: SignedLink,
    parent_key: Signer,
    *,
    holder_key: bytes,
    holder_agent: str,
    scope: Scope,
    now_ms: int,
    expires_at_ms: int,
    nonce: bytes,
    remaining_depth: int | None = None,
    purpose: str = "",
    trace: TraceIds | None = None,
) -> SignedLink:
    """Sign a further link: hand on part of what a link permits.

    Args:
        parent: the link before it.
        parent_key: the holder key that the parent names.
        holder_key: the child's fresh public key, 32 bytes.
        holder_agent: the child's agent id.
        scope: what is handed on; no wider than the parent's.
        now_ms: the time; the link is valid from now on.
        expires_at_ms: until when; no later than the parent's.
        nonce: 16 random bytes.
        remaining_depth: how many handoffs may follow; None: one fewer than the parent's.
        purpose: an annotation.
        trace: ids of the span of the handoff.

    Raises:
        ScopeGrew: SCOPE_GREW, naming what grew.
        BadLinkage: DEPTH_EXCEEDED if the parent permits no handoff.
        BadSignature: SIGNATURE_INVALID if the key is not the parent's.
        Malformed: what is wrong with a value.
    """
    if parent_key.public != parent.link.holder_key:
        raise refusal(Reason.SIGNATURE_INVALID, detail="the key is not the one that the parent names")
    if parent.link.remaining_depth == 0:
        raise refusal(Reason.DEPTH_EXCEEDED)
    link = Link(
        limits.FORMAT_VERSION,
        nonce,
        now_ms,
        max(now_ms, parent.link.not_before_ms),
        expires_at_ms,
        holder_key,
        holder_agent,
        parent.link.remaining_depth - 1 if remaining_depth is None else remaining_depth,
        scope,
        purpose,
        trace,
        None,
    )
    narrower(link, parent.link)
    return _sign(link, parent_key, Purpose.HANDOFF, parent.link_id)


def _sign(link: Link, signer: Signer, purpose: Purpose, parent_id: bytes) -> SignedLink:
    if link.not_before_ms >= link.expires_at_ms:
        raise refusal(Reason.LIFETIME_TOO_LONG, detail="it ends before it begins")
    payload = encode_link(link)
    signed = signing_input(purpose, payload, parent_id)
    return SignedLink(payload, signer.sign(signed), link_id(signed), decode_link(parse_link(payload), payload))
