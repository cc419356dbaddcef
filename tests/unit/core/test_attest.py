"""Statements: each is what its kind says, by the key that may say it, and nothing else."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from delegation.core import attest
from delegation.core.attest import open_batch, open_outcome, open_records, sign_batch, sign_binding, sign_outcome
from delegation.core.codec import decode_offer, encode_offer, encode_record
from delegation.core.keys import Purpose, signing_input
from delegation.core.records import GENESIS, DecisionRecord, Outcome, OutcomeStatus, chain_hash
from delegation.core.statement import Binding, Offer, SignedStatement, StatementKind, open_statement, sign_statement
from delegation.errors import BadStatement, Malformed, Reason, Refused
from delegation.v1 import statement_pb2 as pb
from support.chains import MALLORY, NOW_MS, STATEMENTS, key, some_bytes

GUARD = key("guard")


@pytest.mark.spec("K-7", "T-1")
@pytest.mark.parametrize(("meant", "claimed"), list(permutations(StatementKind, 2)), ids=str)
def test_a_statement_of_one_kind_is_not_taken_for(meant: StatementKind, claimed: StatementKind):
    statement = sign_statement(meant, b"payload", STATEMENTS)
    assert open_statement(statement, meant, STATEMENTS.public) == b"payload"
    for posing in (statement, statement._replace(kind=claimed)):
        with pytest.raises(BadStatement):
            open_statement(posing, claimed, STATEMENTS.public)


@pytest.mark.spec("K-7", "T-1")
def test_a_statement_is_not_taken_for_a_proof_or_a_link():
    for purpose in (Purpose.PROOF, Purpose.GRANT, Purpose.HANDOFF):
        signature = STATEMENTS.sign(signing_input(purpose, b"payload"))
        for kind in StatementKind:
            with pytest.raises(BadStatement):
                open_statement(SignedStatement(kind, STATEMENTS.key_id, b"payload", signature), kind, STATEMENTS.public)


@pytest.mark.spec("T-1")
def test_a_statement_names_the_key_that_signed_it():
    statement = sign_statement(StatementKind.RECEIPT, b"payload", STATEMENTS)
    for wrong in (statement._replace(key_id=MALLORY.key_id), statement._replace(key_id=bytes(16))):
        with pytest.raises(BadStatement):
            open_statement(wrong, StatementKind.RECEIPT, STATEMENTS.public)


@pytest.mark.spec("K-3")
@pytest.mark.parametrize("holder_key", [bytes(32), bytes(31)], ids=["weak", "short"])
def test_no_statement_is_made_about_a_key_that_is_none(holder_key: bytes):
    binding = sign_binding(Binding(holder_key, "urn:a", NOW_MS, NOW_MS + 1), STATEMENTS)
    with pytest.raises(Malformed) as caught:
        attest.open_binding(binding, STATEMENTS.public)
    assert caught.value.reason is Reason.KEY_INVALID
    with pytest.raises(Malformed) as caught:
        decode_offer(encode_offer(Offer("urn:a", holder_key, "", NOW_MS, bytes(16))))
    assert caught.value.reason is Reason.KEY_INVALID


def record(number: int = 0, **tweaks: Any) -> DecisionRecord:
    fields = {
        "call_id": some_bytes(f"call {number}"),
        "chain_digest": bytes(32),
        "audience": "files",
        "tool": "read",
        "arguments_digest": bytes(32),
        "decided_at_ms": NOW_MS,
        "allowed": True,
        "reason": "",
        "link_index": None,
        "feed_position": 0,
        "proof": b"",
        "trace": None,
        **tweaks,
    }
    return DecisionRecord(**fields)


def batch(*records: Any, first: int = 1, previous: bytes = GENESIS) -> tuple[Any, SignedStatement]:
    return sign_batch(records, first_sequence=first, previous_hash=previous, guard_key=GUARD)


def test_batches_are_numbered_and_chained():
    first, signed = batch(record(1), record(2))
    second, _ = batch(record(3), first=first.next_sequence, previous=first.head)
    assert open_batch(signed) == first
    assert open_records(first) == (record(1), record(2))
    assert (first.next_sequence, second.next_sequence) == (3, 4)
    assert first.head == chain_hash(chain_hash(GENESIS, encode_record(record(1))), encode_record(record(2)))
    assert first.head != batch(record(2), record(1))[0].head


@pytest.mark.parametrize("reason", sorted(Reason))
def test_a_refusal_is_recorded_with_any_reason_and_link(reason: Reason):
    refused = record(allowed=False, reason=str(reason), link_index=31)
    assert open_records(batch(refused)[0]) == (refused,)


@pytest.mark.spec("T-12")
@pytest.mark.parametrize(
    "tweaks",
    [
        {"allowed": True, "reason": "expired"},
        {"allowed": False, "reason": ""},
        {"allowed": False, "reason": "because"},
        {"call_id": bytes(15)},
        {"chain_digest": bytes(31)},
        {"arguments_digest": b""},
        {"decided_at_ms": 0},
        {"link_index": 32},
        {"feed_position": 2**53},
        {"audience": ""},
        {"tool": "re\nad"},
        {"proof": bytes(9_000)},
    ],
    ids=lambda tweaks: str(tweaks)[:40],
)
def test_a_record_is_refused_with(tweaks: dict[str, Any]):
    with pytest.raises(BadStatement) as caught:
        open_records(batch(record(**tweaks))[0])
    assert caught.value.reason is Reason.RECORDS_INVALID


@pytest.mark.spec("T-10")
@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m, "first_sequence", 0),
        lambda m: setattr(m, "first_sequence", 2**64 - 1),
        lambda m: m.ClearField("records"),
        lambda m: setattr(m, "previous_hash", bytes(31)),
        lambda m: setattr(m, "guard_key", bytes(32)),
        lambda m: setattr(m, "guard_key", MALLORY.public),
    ],
    ids=["number 0", "the last number", "no records", "a short hash", "a weak key", "another guard's key"],
)
def test_a_batch_is_refused_with(change: Any):
    message = pb.DecisionBatch.FromString(batch(record())[1].payload)
    change(message)
    signed = sign_statement(StatementKind.DECISION_BATCH, message.SerializeToString(deterministic=True), GUARD)
    with pytest.raises(BadStatement) as caught:
        open_batch(signed)
    assert caught.value.reason is Reason.RECORDS_INVALID


@pytest.mark.spec("T-13")
def test_an_outcome_is_the_guards():
    outcome = Outcome(bytes(16), OutcomeStatus.UNKNOWN, NOW_MS, (("bytes_sent", "5"), ("rows", "7")))
    signed = sign_outcome(outcome, GUARD)
    assert open_outcome(signed, GUARD.public) == outcome
    with pytest.raises(BadStatement):
        open_outcome(signed, MALLORY.public)


@pytest.mark.spec("T-13")
@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(bytes(15), OutcomeStatus.OK, NOW_MS),
        Outcome(bytes(16), OutcomeStatus.OK, 0),
        Outcome(bytes(16), OutcomeStatus.OK, NOW_MS, (("", "5"),)),
        Outcome(bytes(16), OutcomeStatus.OK, NOW_MS, (("rows", "5"), ("rows", "6"))),
        Outcome(bytes(16), OutcomeStatus.OK, NOW_MS, (("rows", "5\n"),)),
    ],
    ids=["a short call id", "no time", "no name", "an impact twice", "a line feed"],
)
def test_an_outcome_is_refused_with(outcome: Outcome):
    with pytest.raises(Malformed):
        open_outcome(sign_outcome(outcome, GUARD), GUARD.public)


def test_every_opener_is_tried_somewhere():
    openers = {name for name in vars(attest) if name.startswith("open_")} - {"open_statement"}
    tried = {
        "receipt",
        "binding",
        "offer",
        "approval",
        "own_approval",
        "bundle",
        "break_glass",
        "catalogue",
        "feed_entry",
        "batch",
        "records",
        "outcome",
    }
    assert openers == {f"open_{name}" for name in tried}
    assert issubclass(BadStatement, Refused)
