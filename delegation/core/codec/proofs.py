"""Proofs <-> bytes."""

from __future__ import annotations

from typing import Final

from delegation.core import limits
from delegation.core.call import Proof
from delegation.core.codec.canonical import (
    check_bytes,
    check_name,
    check_time,
    encode,
    encoder,
    parse,
    require_canonical,
    strict,
    trace_fields,
    trace_of,
)
from delegation.errors import Reason, refusal
from delegation.v1 import statement_pb2 as pb

_DIGEST_BYTES: Final = 32


def split_proof(proof: bytes) -> tuple[bytes, bytes]:
    """Give payload and signature of a signed proof.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(pb.SignedProof, proof, limits.PROOF_BYTES)
    return message.payload, check_bytes(message.signature, limits.SIGNATURE_BYTES, "a signature")


@encoder
def join_proof(payload: bytes, signature: bytes) -> bytes:
    """Give the signed proof as it travels."""
    return encode(pb.SignedProof(payload=payload, signature=signature))


def decode_proof(payload: bytes) -> Proof:
    """Read what a proof claims; its signature is unchecked.

    Raises:
        Malformed: what is wrong with it.
    """
    message = parse(pb.Proof, payload, limits.PROOF_BYTES)
    if message.version != limits.FORMAT_VERSION:
        raise refusal(Reason.VERSION_UNSUPPORTED)
    require_canonical(message, payload)
    return Proof(
        check_bytes(message.chain_digest, _DIGEST_BYTES, "a chain digest"),
        check_name(message.audience, "an audience"),
        check_name(message.tool, "a tool"),
        check_bytes(message.arguments_digest, _DIGEST_BYTES, "an arguments digest"),
        check_time(message.issued_at_ms, "issued_at_ms"),
        check_bytes(message.nonce, limits.NONCE_BYTES, "a nonce"),
        trace_of(message.trace_id, message.span_id),
    )


@encoder
def encode_proof(proof: Proof) -> bytes:
    """Give the canonical payload of a proof."""
    return encode(
        pb.Proof(
            version=limits.FORMAT_VERSION,
            chain_digest=proof.chain_digest,
            audience=check_name(proof.audience, "an audience"),
            tool=check_name(proof.tool, "a tool"),
            arguments_digest=proof.arguments_digest,
            issued_at_ms=proof.issued_at_ms,
            nonce=proof.nonce,
            **trace_fields(proof.trace),
        )
    )
