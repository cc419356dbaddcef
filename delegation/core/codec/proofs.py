"""Proofs <-> bytes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from delegation.core import limits
from delegation.core.call import Proof
from delegation.core.codec.canonical import (
    check_bytes,
    check_time,
    encode,
    encoder,
    parse,
    require_canonical,
    strict,
    trace_fields,
    trace_of,
)
from delegation.core.names import check_name
from delegation.errors import Malformed, Reason, refusal
from delegation.v1 import statement_pb2 as pb

_DIGEST_BYTES: Final = 32


def split_proof(proof: bytes) -> tuple[bytes, bytes]:
    """Give payload and signature of a signed proof.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(pb.SignedProof, proof, limits.PROOF_BYTES)
    return message.payload, check_bytes(message.signature, limits.SIGNATURE_BYTES, "a signature")


def read_expected_proof(
    proof: bytes, chain_digest: bytes, audience: str, tool: str, arguments_digest: bytes
) -> tuple[Proof, bytes, bytes] | None:
    """Read a proof if it is canonical and about just this call, by comparing it with what it then has to be.

    An aid for speed, without the library: None says only that `split_proof` and `decode_proof` must tell what it is.

    Returns:
        What it claims, its payload, and its signature, which is unchecked.
    """
    named = _named(audience, tool)
    if named is None or not len(chain_digest) == len(arguments_digest) == _DIGEST_BYTES:
        return None
    size = len(proof) - _FRAMED_BYTES
    if 0 < size < _TWO_BYTES_FROM:
        head = bytes((_PAYLOAD, size)) + _VERSION
    elif _TWO_BYTES_FROM < size < _THREE_BYTES_FROM:
        head = bytes((_PAYLOAD, (size - 1) & 0x7F | 0x80, (size - 1) >> 7)) + _VERSION
    else:
        return None
    start = len(head) - len(_VERSION)
    head += chain_digest + named + arguments_digest
    rest = _REST.fullmatch(proof, len(head)) if proof.startswith(head) else None
    if rest is None:
        return None
    time, nonce, trace_id, span_id, signature = rest.groups(b"")
    trace = trace_of(trace_id, span_id)
    claim = Proof(chain_digest, audience, tool, arguments_digest, _milliseconds(time), nonce, trace)
    return claim, proof[start : rest.start(5) - 2], signature


_PAYLOAD: Final = 0x0A  # field 1, length-delimited: SignedProof.payload
_FRAMED_BYTES: Final = 2 + 2 + limits.SIGNATURE_BYTES  # around a payload whose length takes one byte
_TWO_BYTES_FROM: Final = 0x80  # a payload of so many bytes has a length of two
_THREE_BYTES_FROM: Final = 0x4000
_VERSION: Final = b"\x08\x01\x12\x20"  # version 1, and before a chain digest its tag and length
# Time (until the year 2109), nonce, perhaps trace and span id, then the signature; with tags and lengths.
_REST: Final = re.compile(
    rb"\x30([\x80-\xff]{5}[\x01-\x7f])\x3a\x10(.{16})(?:\x42\x10(.{16})\x4a\x08(.{8}))?\x12\x40(.{64})", re.DOTALL
)


@lru_cache(maxsize=1024)
def _named(audience: str, tool: str) -> bytes | None:
    """Give the bytes between a proof's two digests, with their tags, if the names are short."""
    try:
        names = check_name(audience, "an audience").encode(), check_name(tool, "a tool").encode()
    except Malformed:
        return None
    if max(map(len, names)) >= _TWO_BYTES_FROM:
        return None
    return b"\x1a%c%b\x22%c%b\x2a\x20" % (len(names[0]), names[0], len(names[1]), names[1])


def _milliseconds(varint: bytes) -> int:
    """Read a time written as a varint of six bytes."""
    a, b, c, d, e, f = varint
    return a & 0x7F | (b & 0x7F) << 7 | (c & 0x7F) << 14 | (d & 0x7F) << 21 | (e & 0x7F) << 28 | f << 35


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
