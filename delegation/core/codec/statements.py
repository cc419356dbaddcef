"""Signed statements and the small payloads: receipts, bindings, offers, approvals."""

from __future__ import annotations

from typing import Final

from delegation.core import limits
from delegation.core.approval import Approval
from delegation.core.codec.canonical import (
    check_agent,
    check_bytes,
    check_text,
    check_time,
    encode,
    encoder,
    invalid,
    strict,
)
from delegation.core.keys import check_public_key
from delegation.core.names import check_name
from delegation.core.statement import Binding, Offer, Receipt, SignedStatement, StatementKind
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb
from delegation.v1 import statement_pb2 as spb

_KINDS: Final = {pb.StatementKind.Value(f"STATEMENT_KIND_{kind.name}"): kind for kind in StatementKind}
_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}
_DIGEST_BYTES: Final = 32


def statement_from_message(message: pb.SignedStatement) -> SignedStatement:
    """Take a statement that was parsed as part of another message; its payload is unchecked.

    Raises:
        Malformed: STATEMENT_UNSUPPORTED or FIELD_INVALID.
    """
    kind = _KINDS.get(message.kind)
    if kind is None:
        raise refusal(Reason.STATEMENT_UNSUPPORTED)
    return SignedStatement(
        kind,
        check_bytes(message.key_id, limits.KEY_ID_BYTES, "a key id"),
        message.payload,
        check_bytes(message.signature, limits.SIGNATURE_BYTES, "a signature"),
    )


@encoder
def statement_to_message(statement: SignedStatement) -> pb.SignedStatement:
    """Give the message of a statement."""
    return pb.SignedStatement(
        kind=_NUMBERS[statement.kind],
        key_id=statement.key_id,
        payload=statement.payload,
        signature=statement.signature,
    )


def decode_statement(data: bytes, limit: int = limits.STATEMENT_BYTES) -> SignedStatement:
    """Read a signed statement; its signature is unchecked.

    Raises:
        Malformed: what is wrong with it.
    """
    return statement_from_message(strict(pb.SignedStatement, data, limit))


@encoder
def encode_statement(statement: SignedStatement) -> bytes:
    """Give the canonical bytes of a statement."""
    return encode(statement_to_message(statement))


@encoder
def encode_receipt(receipt: Receipt) -> bytes:
    """Give the canonical payload."""
    return encode(spb.Receipt(link_id=receipt.link_id, recorded_at_ms=receipt.recorded_at_ms))


def decode_receipt(payload: bytes) -> Receipt:
    """Read a payload whose signature was checked.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(spb.Receipt, payload, limits.STATEMENT_BYTES)
    return Receipt(
        check_bytes(message.link_id, limits.LINK_ID_BYTES, "a link id"),
        check_time(message.recorded_at_ms, "recorded_at_ms"),
    )


@encoder
def encode_binding(binding: Binding) -> bytes:
    """Give the canonical payload."""
    return encode(
        spb.Binding(
            holder_key=binding.holder_key,
            agent=binding.agent,
            issued_at_ms=binding.issued_at_ms,
            expires_at_ms=binding.expires_at_ms,
        )
    )


def decode_binding(payload: bytes) -> Binding:
    """Read a payload whose signature was checked.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(spb.Binding, payload, limits.STATEMENT_BYTES)
    check_public_key(message.holder_key)
    return Binding(
        message.holder_key,
        check_agent(message.agent),
        check_time(message.issued_at_ms, "issued_at_ms"),
        check_time(message.expires_at_ms, "expires_at_ms"),
    )


@encoder
def encode_offer(offer: Offer) -> bytes:
    """Give the canonical payload."""
    return encode(
        spb.Offer(
            agent=offer.agent,
            holder_key=offer.holder_key,
            audience=offer.audience,
            expires_at_ms=offer.expires_at_ms,
            nonce=offer.nonce,
        )
    )


def decode_offer(payload: bytes) -> Offer:
    """Read a payload; the signature must then be checked with the key that it names.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(spb.Offer, payload, limits.STATEMENT_BYTES)
    check_public_key(message.holder_key)
    return Offer(
        check_agent(message.agent),
        message.holder_key,
        check_text(message.audience, "an audience", limits.NAME_BYTES),
        check_time(message.expires_at_ms, "expires_at_ms"),
        check_bytes(message.nonce, limits.NONCE_BYTES, "a nonce"),
    )


@encoder
def encode_approval(approval: Approval) -> bytes:
    """Give the canonical payload."""
    return encode(spb.Approval(**approval._asdict()))


def decode_approval(payload: bytes) -> Approval:
    """Read a payload whose signature was checked: what the service attests.

    Raises:
        Malformed: what is wrong with it.
    """
    approval = _approval(payload)
    check_name(approval.approver_issuer, "an approver's issuer")
    check_text(approval.authentication_strength, "an authentication strength", limits.NAME_BYTES)
    return approval


def decode_signed_approval(payload: bytes) -> Approval:
    """Read a payload whose signature was checked: what an approver has signed, for whom nobody else vouches.

    Raises:
        Malformed: what is wrong with it.
    """
    approval = _approval(payload)
    if approval.approver_issuer or approval.authentication_strength:
        invalid("an approver says nothing of who vouches for them")
    return approval


def _approval(payload: bytes) -> Approval:
    message = strict(spb.Approval, payload, limits.STATEMENT_BYTES)
    approval = Approval(
        check_bytes(message.link_id, limits.LINK_ID_BYTES, "a link id"),
        check_name(message.audience, "an audience"),
        check_name(message.tool, "a tool"),
        check_bytes(message.arguments_digest, _DIGEST_BYTES, "a digest of arguments"),
        check_bytes(message.policy_digest, _DIGEST_BYTES if message.policy_digest else 0, "a digest of a policy"),
        check_name(message.approver, "an approver"),
        message.approver_issuer,
        message.authentication_strength,
        check_time(message.approved_at_ms, "approved_at_ms"),
        check_time(message.expires_at_ms, "expires_at_ms"),
        check_bytes(message.nonce, limits.NONCE_BYTES, "a nonce"),
    )
    if not 0 < approval.expires_at_ms - approval.approved_at_ms <= limits.APPROVAL_LIFETIME_MS:
        invalid("an approval that never counts, or for too long")
    return approval
