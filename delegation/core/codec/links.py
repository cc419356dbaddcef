"""Links <-> bytes."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from delegation.core import limits
from delegation.core.chain import GrantClaims, Link, Principal, PrincipalBasis
from delegation.core.codec.canonical import (
    PARSE_ERRORS,
    check_agent,
    check_bytes,
    check_optional_time,
    check_text,
    encode,
    encoder,
    invalid,
    parse,
    require_canonical,
    trace_fields,
    trace_of,
)
from delegation.core.codec.conditions import conditions_from_messages
from delegation.core.codec.scopes import scope_from_message, write_scope
from delegation.core.conditions import Condition
from delegation.core.keys import check_public_key
from delegation.core.named_tuple import made
from delegation.core.names import check_name
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb

_BASES: Final = {pb.PrincipalBasis.Value(f"PRINCIPAL_BASIS_{basis.name}"): basis for basis in PrincipalBasis}
_BASIS_NUMBERS: Final = {basis: number for number, basis in _BASES.items()}
_DIGEST_BYTES: Final = 32
_LATEST: Final = limits.SAFE_INTEGER

LinkMessage = pb.Link
"""A parsed payload, for those outside the codec to hand back to it."""


def parse_link(payload: bytes) -> pb.Link:
    """Parse a payload; what it says counts only after its signature was checked.

    Raises:
        Malformed: MALFORMED.
    """
    return parse(pb.Link, payload, limits.TOKEN_BYTES)


def parse_canonical_links(frames: bytes) -> list[pb.Link] | None:
    """Parse the payloads of several links in one pass, if every one of them is canonical.

    An aid for speed: None says only that the payloads must be parsed one by one to find out why.

    Args:
        frames: the part of a token that holds the links.
    """
    try:
        message = pb.ChainInPlace.FromString(frames)
    except PARSE_ERRORS:
        return None
    message.DiscardUnknownFields()
    if message.SerializeToString() != frames:  # as in `require_canonical`
        return None
    return [link.payload for link in message.links]


def issuer_of(message: pb.Link) -> bytes | None:
    """Give the issuer key id that a link names, or None if it is no grant."""
    return message.grant.issuer_key_id if message.HasField("grant") else None


def conditions_of(message: pb.Link, tools: Container[tuple[str, str]]) -> dict[tuple[str, str], tuple[Condition, ...]]:
    """Give what a link that was decoded before demands of some tools; little else of it is read, and nothing checked.

    Args:
        message: the link's payload.
        tools: of which conditions are wanted, each with its audience before it.

    Raises:
        Malformed: such a condition cannot be read.
    """
    items = ((pair, item) for item in message.scope.capabilities if (pair := (item.audience, item.tool)) in tools)
    return {pair: conditions_from_messages(item.conditions[:]) for pair, item in items}


def decode_link(message: pb.Link, payload: bytes, *, canonical: bool = False) -> Link:
    """Take a link from the one parse of its payload: version, canonical form, every field.

    Args:
        message: the parse.
        payload: what it was parsed from.
        canonical: True if the payload is known to be canonical (`parse_canonical_links`).

    Raises:
        Malformed: what is wrong with it.
    """
    version = message.version
    if version != limits.FORMAT_VERSION:
        raise refusal(Reason.VERSION_UNSUPPORTED)
    if not canonical:
        require_canonical(message, payload)
    nonce, holder_key, holder_agent, purpose = message.nonce, message.holder_key, message.holder_agent, message.purpose
    issued_at_ms, not_before_ms, expires_at_ms = message.issued_at_ms, message.not_before_ms, message.expires_at_ms
    if len(nonce) != limits.NONCE_BYTES:
        invalid("a nonce is not 16 bytes")
    if not (0 < issued_at_ms <= _LATEST and 0 < not_before_ms <= _LATEST and 0 < expires_at_ms <= _LATEST):
        invalid("issued_at_ms, not_before_ms or expires_at_ms is not a time")
    if not message.HasField("scope"):
        invalid("a link without a scope; one that permits nothing has an empty one")
    check_public_key(holder_key)
    check_agent(holder_agent)
    if purpose:
        check_text(purpose, "a purpose", limits.PURPOSE_BYTES)
    return made(
        Link,
        (
            version,
            nonce,
            issued_at_ms,
            not_before_ms,
            expires_at_ms,
            holder_key,
            holder_agent,
            message.remaining_depth,
            scope_from_message(message.scope),
            purpose,
            trace_of(message.trace_id, message.span_id),
            _grant(message.grant) if message.HasField("grant") else None,
        ),
    )


def _grant(message: pb.GrantClaims) -> GrantClaims:
    return GrantClaims(
        check_bytes(message.issuer_key_id, limits.KEY_ID_BYTES, "an issuer key id"),
        check_bytes(message.task_id, limits.TASK_ID_BYTES, "a task id"),
        principal_from_message(message.principal),
        message.unrecorded_handoffs,
    )


def principal_from_message(message: pb.Principal) -> Principal:
    """Take a principal.

    Raises:
        Malformed: what is wrong with it.
    """
    basis = _BASES.get(message.basis)
    if basis is None:
        invalid("a principal's basis is unknown")
    asserted = basis is PrincipalBasis.ASSERTED
    check_bytes(message.token_digest, 0 if asserted else _DIGEST_BYTES, "a principal's token digest")
    return Principal(
        check_name(message.subject, "a principal"),
        check_name(message.issuer, "a principal's issuer"),
        basis,
        message.token_digest,
        check_optional_time(message.authenticated_at_ms, "authenticated_at_ms"),
        check_text(message.authentication_strength, "an authentication strength", limits.NAME_BYTES),
    )


@encoder
def principal_to_message(principal: Principal) -> pb.Principal:
    """Give the message of a principal."""
    return pb.Principal(
        subject=principal.subject,
        issuer=principal.issuer,
        basis=_BASIS_NUMBERS[principal.basis],
        token_digest=principal.token_digest,
        authenticated_at_ms=principal.authenticated_at_ms,
        authentication_strength=principal.authentication_strength,
    )


@encoder
def encode_link(link: Link) -> bytes:
    """Give the canonical payload of a link.

    Raises:
        Malformed: FIELD_INVALID for a field that no verifier would accept.
    """
    message = pb.Link(
        version=link.version,
        nonce=link.nonce,
        issued_at_ms=link.issued_at_ms,
        not_before_ms=link.not_before_ms,
        expires_at_ms=link.expires_at_ms,
        holder_key=link.holder_key,
        holder_agent=link.holder_agent,
        remaining_depth=link.remaining_depth,
        purpose=link.purpose,
        **trace_fields(link.trace),
    )
    write_scope(message.scope, link.scope)
    if link.grant is not None:
        claims = link.grant
        message.grant.CopyFrom(
            pb.GrantClaims(
                issuer_key_id=claims.issuer_key_id,
                task_id=claims.task_id,
                principal=principal_to_message(claims.principal),
                unrecorded_handoffs=claims.unrecorded_handoffs,
            )
        )
    return encode(message)
