"""Bytes <-> core values: strict, canonical, capped. The only part of the kernel that sees v1.

Decoders take untrusted bytes and raise `Malformed`; they give values whose every field is valid.
Encoders take values that the kernel made and give the canonical form.
"""

from delegation.core.codec.break_glass import decode_break_glass, encode_break_glass
from delegation.core.codec.envelope import Envelope, add_statements, join_token, parse_envelope, parse_token
from delegation.core.codec.feed import decode_feed_entry, encode_feed_entry, encode_revocations
from delegation.core.codec.links import (
    LinkMessage,
    conditions_of,
    decode_link,
    encode_link,
    issuer_of,
    parse_canonical_links,
    parse_link,
)
from delegation.core.codec.proofs import decode_proof, encode_proof, join_proof, read_expected_proof, split_proof
from delegation.core.codec.records import (
    decode_batch,
    decode_outcome,
    decode_record,
    encode_batch,
    encode_outcome,
    encode_record,
)
from delegation.core.codec.scopes import decode_scope, encode_scope, scope_from_message, scope_to_message
from delegation.core.codec.statements import (
    decode_approval,
    decode_binding,
    decode_offer,
    decode_receipt,
    decode_signed_approval,
    decode_statement,
    encode_approval,
    encode_binding,
    encode_offer,
    encode_receipt,
    encode_statement,
    statement_from_message,
    statement_to_message,
)
from delegation.core.codec.trust import (
    decode_bundle,
    decode_catalogue,
    effect_numbers,
    effects_from_numbers,
    encode_bundle,
    encode_catalogue,
)

__all__ = [
    "Envelope",
    "LinkMessage",
    "add_statements",
    "conditions_of",
    "decode_approval",
    "decode_batch",
    "decode_binding",
    "decode_break_glass",
    "decode_bundle",
    "decode_catalogue",
    "decode_feed_entry",
    "decode_link",
    "decode_offer",
    "decode_outcome",
    "decode_proof",
    "decode_receipt",
    "decode_record",
    "decode_scope",
    "decode_signed_approval",
    "decode_statement",
    "effect_numbers",
    "effects_from_numbers",
    "encode_approval",
    "encode_batch",
    "encode_binding",
    "encode_break_glass",
    "encode_bundle",
    "encode_catalogue",
    "encode_feed_entry",
    "encode_link",
    "encode_offer",
    "encode_outcome",
    "encode_proof",
    "encode_receipt",
    "encode_record",
    "encode_revocations",
    "encode_scope",
    "encode_statement",
    "issuer_of",
    "join_proof",
    "join_token",
    "parse_canonical_links",
    "parse_envelope",
    "parse_link",
    "parse_token",
    "read_expected_proof",
    "scope_from_message",
    "scope_to_message",
    "split_proof",
    "statement_from_message",
    "statement_to_message",
]
