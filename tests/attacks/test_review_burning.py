"""A tool burns the proof of another tool's call: by its own certificate, without anybody's signature."""

from __future__ import annotations

from delegation.core.codec import decode_proof, join_proof, split_proof
from delegation.core.scope import any_call
from delegation.errors import Reason, Refused
from support.caller import GuardRecords, decided, new_key


def test_a_tool_does_not_use_up_a_proof_for_another_audience(alice, files, mallory):
    task = alice.grant(any_call("files", "read"))
    question = task.question("files", "read", {})
    seen = decode_proof(split_proof(question.proof)[0])  # on its way
    mallory.consume("mallory", seen.nonce, seen.issued_at_ms, seen.chain_digest)
    assert files.decide_question(question).refusal is None


def test_a_record_does_not_use_up_a_proof_that_is_not_of_its_call(alice, files, mallory):
    task, own = alice.grant(any_call("files", "read")), alice.grant(any_call("mallory", "read"))
    question = task.question("files", "read", {})
    unsigned = join_proof(split_proof(question.proof)[0], bytes(64))
    batch = GuardRecords(new_key()).batch(decided(own, "mallory", "read", {}, proof=unsigned))
    try:
        mallory.record_decisions(batch)
    except Refused as refused:
        assert refused.reason is Reason.RECORDS_INVALID  # noqa: PT017 - may be, need not be
    assert files.decide_question(question).refusal is None
