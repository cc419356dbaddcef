"""Arbitrary and damaged bytes: every decoder gives a value or refuses as the exception tree says.

Nothing else comes out of one, and what it accepts is the only encoding of what it gives.
"""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delegation.core import attest, codec
from delegation.core.approval import Approval
from delegation.core.arguments import Arguments
from delegation.core.attest import (
    sign_approval,
    sign_batch,
    sign_binding,
    sign_bundle,
    sign_feed_entry,
    sign_offer,
    sign_outcome,
    sign_own_approval,
)
from delegation.core.call import Proof
from delegation.core.chain import TraceIds
from delegation.core.constraints.decimals import exact_number, format_decimal, parse_decimal
from delegation.core.keys import check_public_key, verify
from delegation.core.notation import scope_from_plain
from delegation.core.proof import check_holder_proof
from delegation.core.records import GENESIS, DecisionRecord, Outcome, OutcomeStatus
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind
from delegation.core.statement import Binding, Offer, SignedStatement, StatementKind
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.errors import Refused
from support.chains import BUNDLE, MALLORY, NOW_MS, READ_CALL, ROOT, SCOPE, STATEMENTS, agent, chain
from support.strategies import bounded, json_values

MADE = chain("root -> planner")
PROOF = MADE.proof("files", "read", READ_CALL)
RECEIPT, BINDING, _ = MADE.service_statements
FEED = FeedEntry(
    0, 2, NOW_MS, snapshot=True, more=False, revocations=(Revocation(RevocationKind.TASK, bytes(16), NOW_MS),)
)
OFFER = Offer(agent("worker"), MALLORY.public, "", NOW_MS + 1, bytes(16))
_CALL = (bytes(32), "files", "read", bytes(32), bytes(32))
APPROVAL = Approval(*_CALL, "ann", "https://login.example.test", "mfa", NOW_MS, NOW_MS + 1, bytes(16))
OWN_APPROVAL = APPROVAL._replace(approver_issuer="", authentication_strength="")
TOOLS = Catalogue((CatalogueTool("files", "read", frozenset({Effect.READ}), local=True, labels=frozenset({"a"})),))
RECORD = DecisionRecord(
    bytes(16),
    bytes(32),
    "files",
    "read",
    bytes(32),
    NOW_MS,
    False,
    "expired",
    1,
    9,
    PROOF,
    TraceIds(b"t" * 16, b"s" * 8),
)
BATCH, SIGNED_BATCH = sign_batch([RECORD], first_sequence=1, previous_hash=GENESIS, guard_key=MALLORY)
OUTCOME = Outcome(bytes(16), OutcomeStatus.OK, NOW_MS, (("rows", "5"),))


def link_of(data: bytes) -> Any:
    return codec.decode_link(codec.parse_link(data), data)


def proof_of(data: bytes) -> Proof:
    return check_holder_proof(
        data,
        MADE.leaf_key.public,
        chain_digest=MADE.link_ids[-1],
        audience="files",
        tool="read",
        arguments_digest=Arguments.of(READ_CALL).digest,
        now_ms=NOW_MS,
    )


def opened(kind: StatementKind, opener: Any) -> Any:
    """Open bytes as a statement of a kind, as its service would have signed them."""
    return lambda data: opener(SignedStatement(kind, STATEMENTS.key_id, data, bytes(64)))


DECODERS: dict[str, tuple[Any, Any, bytes]] = {
    "token": (codec.parse_token, lambda c: codec.join_token(c.frames, c.statements), MADE.token),
    "link": (link_of, codec.encode_link, MADE.payloads[0]),
    "handoff": (link_of, codec.encode_link, MADE.payloads[1]),
    "scope": (codec.decode_scope, codec.encode_scope, codec.encode_scope(SCOPE)),
    "statement": (codec.decode_statement, codec.encode_statement, codec.encode_statement(RECEIPT)),
    "receipt": (codec.decode_receipt, codec.encode_receipt, RECEIPT.payload),
    "binding": (codec.decode_binding, codec.encode_binding, BINDING.payload),
    "offer": (codec.decode_offer, codec.encode_offer, codec.encode_offer(OFFER)),
    "approval": (codec.decode_approval, codec.encode_approval, codec.encode_approval(APPROVAL)),
    "signed approval": (codec.decode_signed_approval, codec.encode_approval, codec.encode_approval(OWN_APPROVAL)),
    "proof": (codec.decode_proof, codec.encode_proof, codec.split_proof(PROOF)[0]),
    "signed proof": (codec.split_proof, lambda parts: codec.join_proof(*parts), PROOF),
    "feed entry": (codec.decode_feed_entry, codec.encode_feed_entry, codec.encode_feed_entry(FEED)),
    "bundle": (codec.decode_bundle, codec.encode_bundle, codec.encode_bundle(BUNDLE)),
    "catalogue": (codec.decode_catalogue, codec.encode_catalogue, codec.encode_catalogue(TOOLS)),
    "record": (codec.decode_record, codec.encode_record, codec.encode_record(RECORD)),
    "batch": (codec.decode_batch, codec.encode_batch, codec.encode_batch(BATCH)),
    "outcome": (codec.decode_outcome, codec.encode_outcome, codec.encode_outcome(OUTCOME)),
    "arguments": (Arguments.parse, lambda a: a.canonical, Arguments.of({"a": [1, "ä", {"b": 0.5}]}).canonical),
}


def must_be_the_only_encoding(name: str, data: bytes) -> bool:
    """Decode; tell whether it was accepted."""
    decode, encode, _ = DECODERS[name]
    try:
        value = decode(data)
    except Refused:
        return False
    assert encode(value) == data
    return True


@pytest.mark.spec("C-10")
@pytest.mark.parametrize("name", DECODERS)
def test_damaged_bytes_are_refused_or_are_the_only_encoding_of_what_they_say(name: str):
    valid, random = DECODERS[name][2], Random(name)
    assert must_be_the_only_encoding(name, valid)
    for position in range(len(valid)):
        for bit in range(8):
            flipped = bytearray(valid)
            flipped[position] ^= 1 << bit
            must_be_the_only_encoding(name, bytes(flipped))
        must_be_the_only_encoding(name, valid[:position])
        must_be_the_only_encoding(name, valid[:position] + random.randbytes(2) + valid[position:])
        must_be_the_only_encoding(name, valid[:position] + valid[position + 1 :])


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.binary(max_size=80))
@bounded(100)
def test_arbitrary_bytes_are_refused_or_are_the_only_encoding_of_what_they_say(name: str, data: bytes):
    must_be_the_only_encoding(name, data)


STATEMENTS_OF_OTHERS = {
    "receipt": opened(StatementKind.RECEIPT, lambda s: attest.open_receipt(s, STATEMENTS.public)),
    "binding": opened(StatementKind.BINDING, lambda s: attest.open_binding(s, STATEMENTS.public)),
    "offer": opened(StatementKind.OFFER, lambda s: attest.open_offer(s, now_ms=NOW_MS, delegator=agent("x"))),
    "approval": opened(StatementKind.APPROVAL, lambda s: attest.open_approval(s, BUNDLE, now_ms=NOW_MS)),
    "signed approval": opened(
        StatementKind.SIGNED_APPROVAL, lambda s: attest.open_own_approval(s, [MALLORY.public, STATEMENTS.public])
    ),
    "bundle": opened(StatementKind.TRUST_BUNDLE, lambda s: attest.open_bundle(s, ROOT.public, now_ms=NOW_MS)),
    "feed": opened(StatementKind.REVOCATION_FEED, lambda s: attest.open_feed_entry(s, BUNDLE, now_ms=NOW_MS)),
    "batch": opened(StatementKind.DECISION_BATCH, attest.open_batch),
    "outcome": opened(StatementKind.OUTCOME, lambda s: attest.open_outcome(s, MALLORY.public)),
    "catalogue": lambda data: attest.open_catalogue(data, BUNDLE) if data else attest.open_outcome(SIGNED_BATCH, data),
    "proof": proof_of,
    "records": lambda data: attest.open_records(BATCH._replace(records=(data,))),
}


@pytest.mark.spec("T-1")
@pytest.mark.parametrize("name", STATEMENTS_OF_OTHERS)
@given(data=st.binary(max_size=80))
@bounded(60)
def test_nobody_is_believed_without_a_signature(name: str, data: bytes):
    with pytest.raises(Refused):
        STATEMENTS_OF_OTHERS[name](data)


SIGNED = {
    "binding": sign_binding(Binding(MALLORY.public, agent("x"), NOW_MS, NOW_MS + 1), STATEMENTS),
    "offer": sign_offer(OFFER, MALLORY),
    "approval": sign_approval(APPROVAL, STATEMENTS),
    "signed approval": sign_own_approval(OWN_APPROVAL, MALLORY),
    "bundle": sign_bundle(BUNDLE, ROOT),
    "feed": sign_feed_entry(FEED, STATEMENTS),
    "batch": SIGNED_BATCH,
    "outcome": sign_outcome(OUTCOME, MALLORY),
}
OPENERS = {
    "binding": lambda s: attest.open_binding(s, STATEMENTS.public),
    "offer": lambda s: attest.open_offer(s, now_ms=NOW_MS, delegator=agent("x")),
    "approval": lambda s: attest.open_approval(s, BUNDLE, now_ms=NOW_MS),
    "signed approval": lambda s: attest.open_own_approval(s, [MALLORY.public]),
    "bundle": lambda s: attest.open_bundle(s, ROOT.public, now_ms=NOW_MS),
    "feed": lambda s: attest.open_feed_entry(s, BUNDLE, now_ms=NOW_MS),
    "batch": attest.open_batch,
    "outcome": lambda s: attest.open_outcome(s, MALLORY.public),
}


@pytest.mark.spec("T-1")
@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_statement_with_any_bit_flipped_is_refused(name: str):
    statement, opener = SIGNED[name], OPENERS[name]
    opener(statement)
    encoded = codec.encode_statement(statement)
    for position in range(len(encoded)):
        flipped = bytearray(encoded)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(Refused):
            opener(codec.decode_statement(bytes(flipped)))


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=70))
@bounded(200)
def test_no_bytes_are_a_signature_by_chance(public: bytes, message: bytes, signature: bytes):
    with pytest.raises(Refused):
        verify(public, message, signature)
    with pytest.raises(Refused):
        check_public_key(public[:31])


@given(st.text(max_size=80) | st.from_regex(r"-?[0-9]{0,5}(\.[0-9]{0,5})?", fullmatch=True))
@bounded(150)
def test_a_text_is_a_decimal_in_normal_form_or_refused(text: str):
    try:
        number = parse_decimal(text)
    except Refused:
        return
    assert str(number) == text or format(number, "f") == text


@given(st.text(max_size=12) | st.floats() | st.integers() | st.none() | st.booleans() | st.decimals())
@bounded(150)
def test_what_people_write_for_a_number_is_exact_or_refused(value: Any):
    try:
        number = exact_number(value)
    except Refused:
        return
    assert type(value) is not bool
    if isinstance(number, Decimal) or abs(number) < 10**60:
        assert parse_decimal(format_decimal(number)) == number


KINDS_OF_CONSTRAINT = ["exactly", "one_of", "at_most", "at_least", "between", "under", "each", "fields", "anything"]
OTHER_WORDS = ["audience", "tool", "arguments", "optional", "any", "range", "minimum", "minimum_exclusive", "/srv", "5"]
PLAIN_WORDS = st.sampled_from([*KINDS_OF_CONSTRAINT, *OTHER_WORDS])
plain = st.recursive(
    json_values | PLAIN_WORDS | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN_WORDS | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(plain, plain)
@bounded(150)
def test_any_plain_scope_is_read_or_refused(arguments: Any, other: Any):
    for candidate in ([{"audience": "a", "tool": "t", "arguments": {"x": arguments, "y": other}}], arguments, [other]):
        try:
            scope = scope_from_plain(candidate)
        except Refused:
            continue
        assert scope.describe()


def test_a_plain_scope_nested_a_thousand_deep_is_refused():
    deep = json.loads('{"each":' * 900 + "1" + "}" * 900)
    with pytest.raises(Refused):
        codec.encode_scope(scope_from_plain([{"audience": "a", "tool": "t", "arguments": {"x": deep}}]))
