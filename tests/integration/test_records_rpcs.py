"""RecordDecisions and ReportOutcome: a guard's own numbered, chained, signed records, exactly once."""

from __future__ import annotations

import pytest

from delegation.core.attest import sign_batch
from delegation.core.records import OutcomeStatus
from delegation.core.scope import any_call
from delegation.errors import (
    BadStatement,
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    PolicyDenied,
    Reason,
)
from delegation.service.call_ids import set_aside_for
from delegation.v1 import authorization_service_pb2 as pb
from support.caller import GuardRecords, decided, new_key, nonce

READ = any_call("files", "read")


@pytest.fixture
def guard():
    return GuardRecords(new_key())


@pytest.fixture
def child(planner):
    return planner.hand_off(planner.grant(READ), "agent/reader")


def test_recorded_decisions_are_found_with_their_task_agent_and_guard(files_tool, operator, guard, child):
    allowed = decided(child, "files", "read", {})
    refused = decided(child, "files", "read", {"path": "/etc"}, reason="argument_refused", link_index=1)
    assert files_tool.record_decisions(guard.batch(allowed, refused)) == 3
    calls, _ = operator.calls(task_id=child.task_id)
    by_id = {call.call_id: call for call in calls}
    assert by_id[allowed.call_id].allowed
    assert by_id[allowed.call_id].agent == "spiffe://test.example/agent/reader"
    assert by_id[allowed.call_id].decided_by == guard.key.key_id.hex()
    assert by_id[refused.call_id].refusal.reason is Reason.ARGUMENT_REFUSED
    assert by_id[refused.call_id].refusal.link_index == 1


@pytest.mark.spec("T-11")
def test_a_batch_sent_twice_is_acknowledged_twice_and_recorded_once(files_tool, operator, guard, child):
    batch = guard.batch(*[decided(child, "files", "read", {}) for _ in range(5)])
    assert files_tool.record_decisions(batch) == 6
    assert files_tool.record_decisions(batch) == 6
    assert len(operator.calls(task_id=child.task_id)[0]) == 5


def test_many_batches_of_one_stream_are_acknowledged_in_order(files_tool, guard, child):
    from delegation.wire.authorization import record_decisions_request_message

    messages = [
        record_decisions_request_message(guard.batch(*[decided(child, "files", "read", {}) for _ in range(20)]))
        for _ in range(5)
    ]
    answers = files_tool.ask_stream(files_tool.authorization.RecordDecisions, messages)
    assert [answer.next_sequence for answer in answers] == [21, 41, 61, 81, 101]


@pytest.mark.spec("T-11")
def test_a_gap_is_refused_and_says_which_record_is_next(files_tool, guard, child):
    files_tool.record_decisions(guard.batch(decided(child, "files", "read", {})))
    guard.batch(decided(child, "files", "read", {}))  # lost
    with pytest.raises(BadStatement) as refused:
        files_tool.record_decisions(guard.batch(decided(child, "files", "read", {})))
    assert refused.value.reason is Reason.RECORDS_INVALID
    assert "number 2" in refused.value.detail


@pytest.mark.spec("T-11")
def test_a_record_replaced_after_it_was_sent_is_refused(files_tool, operator, guard, child):
    original, replaced = decided(child, "files", "read", {}), decided(child, "files", "read", {"path": "/x"})
    files_tool.record_decisions(guard.batch(original))
    rewritten = GuardRecords(guard.key)
    with pytest.raises(BadStatement):
        files_tool.record_decisions(rewritten.batch(replaced))
    assert [call.call_id for call in operator.calls(task_id=child.task_id)[0]] == [original.call_id]


@pytest.mark.spec("T-10")
def test_a_batch_signed_by_another_key_is_refused(files_tool, guard, child):
    statement = guard.batch(decided(child, "files", "read", {}))
    with pytest.raises(BadStatement):
        files_tool.record_decisions(statement._replace(signature=bytes(64)))


def test_a_record_that_cannot_be_read_spoils_its_whole_batch(files_tool, operator, guard, child):
    good = decided(child, "files", "read", {})
    _, statement = sign_batch([good, b"\xff\xff"], first_sequence=1, previous_hash=bytes(32), guard_key=guard.key)
    with pytest.raises(BadStatement) as refused:
        files_tool.record_decisions(statement)
    assert refused.value.reason is Reason.RECORDS_INVALID
    assert operator.calls(task_id=child.task_id)[0] == ()


@pytest.mark.spec("T-3")
def test_a_guard_key_belongs_to_the_caller_that_used_it_first(files_tool, planner, guard, child):
    files_tool.record_decisions(guard.batch(decided(child, "files", "read", {})))
    with pytest.raises(PermissionDenied):
        planner.record_decisions(guard.batch(decided(child, "files", "read", {})))


def test_a_tool_records_decisions_of_its_own_audiences_only(files_tool, guard, child):
    with pytest.raises(PolicyDenied):
        files_tool.record_decisions(
            guard.batch(decided(child, "files", "read", {}), decided(child, "billing", "refund", {}))
        )


def test_an_agent_records_no_decisions(as_, guard, child):
    with pytest.raises(PermissionDenied):
        as_("agent/plain").record_decisions(guard.batch(decided(child, "files", "read", {})))


def test_a_decision_without_a_readable_chain_is_recorded_all_the_same(files_tool, guard):
    record = decided(None, "files", "read", {}, reason="malformed")
    files_tool.record_decisions(guard.batch(record))
    call = files_tool.explain(record.call_id).call
    assert (call.task_id, call.agent) == (None, "")


def test_a_decision_about_an_unknown_chain_is_recorded_with_its_digest(files_tool, guard, child):
    record = decided(child, "files", "read", {}, chain_digest=nonce() * 2)
    files_tool.record_decisions(guard.batch(record))
    call = files_tool.explain(record.call_id).call
    assert (call.task_id, call.leaf_link_id) == (None, record.chain_digest)


@pytest.mark.parametrize("foreseen", [False, True], ids=["the call's own", "also the one set aside"])
def test_an_id_that_another_tool_was_faster_to_use_keeps_no_call_out(
    as_, files_tool, *, operator, guard, child, foreseen
):
    told = decided(child, "files", "read", {})
    taken = [told.call_id, set_aside_for(guard.key.public, told.call_id)][: 1 + foreseen]
    theirs = [decided(None, "billing", "refund", {}, reason="chain_missing", call_id=each) for each in taken]
    as_("tool/billing").record_decisions(GuardRecords(new_key()).batch(*theirs))

    batch = guard.batch(told, decided(child, "files", "read", {}))
    assert files_tool.record_decisions(batch) == files_tool.record_decisions(batch) == 3
    assert [call.tool for call in operator.calls(task_id=child.task_id)[0]] == ["read", "read"]
    assert files_tool.record_decisions(guard.batch(decided(child, "files", "read", {}))) == 4
    if not foreseen:
        files_tool.report(guard.outcome(told.call_id), guard.key.public)


def test_one_call_in_two_records_of_a_batch_is_refused(files_tool, guard, child):
    record = decided(child, "files", "read", {})
    with pytest.raises(Conflict):
        files_tool.record_decisions(guard.batch(record, record))


@pytest.mark.spec("T-6")
def test_an_offline_handoff_is_recorded_late_when_a_guard_shows_its_token(files_tool, planner, guard):
    task = planner.grant(READ, unrecorded_handoffs=True)
    offline = task.child("agent/reader").child("agent/summary")
    record = decided(offline, "files", "read", {})
    files_tool.record_decisions(guard.batch(record), [offline.token])
    _, links = planner.task(task.task_id)
    assert [link.index for link in links] == [0, 1, 2]
    call = files_tool.explain(record.call_id).call
    assert call.agent == "spiffe://test.example/agent/summary"


@pytest.mark.spec("T-6")
def test_an_offline_handoff_that_its_grant_forbids_is_not_recorded_by_a_guards_word(files_tool, planner, guard):
    task = planner.grant(READ)
    hidden = task.child("agent/reader")
    files_tool.record_decisions(guard.batch(decided(hidden, "files", "read", {})), [hidden.token])
    assert len(planner.task(task.task_id)[1]) == 1


def test_tokens_that_are_none_do_not_keep_a_batch_from_being_recorded(files_tool, guard, child):
    batch = guard.batch(decided(child, "files", "read", {}))
    assert files_tool.record_decisions(batch, [b"nonsense", b"", child.token[:-3]]) == 2


def test_proofs_that_a_guard_accepted_are_used_up_for_the_service(files_tool, guard, child):
    question = child.question("files", "read", {})
    files_tool.record_decisions(guard.batch(decided(child, "files", "read", {}, proof=question.proof)))
    decision = files_tool.decide_question(question)
    assert decision.refusal is not None
    assert decision.refusal.reason is Reason.PROOF_REPLAYED


@pytest.mark.parametrize(
    ("message", "kind"),
    [(pb.RecordDecisionsRequest(), InvalidRequest)],
    ids=["no batch"],
)
def test_a_message_without_a_batch_is_refused(files_tool, message, kind):
    with pytest.raises(kind):
        files_tool.ask_stream(files_tool.authorization.RecordDecisions, [message])


@pytest.mark.spec("T-11")
def test_a_batch_of_too_many_records_is_refused(files_tool, guard):
    record = decided(None, "files", "read", {}, reason="malformed")
    with pytest.raises(InvalidRequest):
        files_tool.record_decisions(guard.batch(*[record._replace(call_id=nonce()) for _ in range(1025)]))


@pytest.mark.spec("T-11")
def test_a_batch_that_brings_too_many_tokens_is_refused(files_tool, guard, child):
    with pytest.raises(InvalidRequest, match="64 tokens"):
        files_tool.record_decisions(guard.batch(decided(child, "files", "read", {})), [child.token] * 65)
    again = GuardRecords(guard.key)  # nothing was recorded
    assert files_tool.record_decisions(again.batch(decided(child, "files", "read", {})), [child.token] * 64) == 2


# -- outcomes


def test_an_outcome_is_shown_with_its_call(files_tool, operator, guard, child):
    call_id = files_tool.decide(child, "files", "read", {}).call_id
    files_tool.report(guard.outcome(call_id, rows_read="17"), guard.key.public)
    (call,) = operator.calls(task_id=child.task_id)[0]
    assert call.outcome == "ok"


@pytest.mark.spec("T-13")
def test_an_outcome_of_a_guards_own_decision_comes_from_that_guard(files_tool, guard, child):
    record = decided(child, "files", "read", {})
    files_tool.record_decisions(guard.batch(record))
    other = GuardRecords(new_key())
    with pytest.raises(NotFound):
        files_tool.report(other.outcome(record.call_id), other.key.public)
    files_tool.report(guard.outcome(record.call_id), guard.key.public)


def test_the_same_outcome_again_changes_nothing_and_another_is_a_conflict(files_tool, guard, child):
    call_id = files_tool.decide(child, "files", "read", {}).call_id
    outcome = guard.outcome(call_id)
    files_tool.report(outcome, guard.key.public)
    files_tool.report(outcome, guard.key.public)
    with pytest.raises(Conflict):
        files_tool.report(guard.outcome(call_id, OutcomeStatus.FAILED), guard.key.public)


def test_nothing_comes_of_a_refused_call(files_tool, guard, child):
    call_id = files_tool.decide(child, "files", "write", {}).call_id
    with pytest.raises(Conflict):
        files_tool.report(guard.outcome(call_id), guard.key.public)


@pytest.mark.spec("T-13")
def test_only_the_tool_that_was_authorized_says_what_came_of_it(files_tool, planner, guard, child):
    call_id = files_tool.decide(child, "files", "read", {}).call_id
    with pytest.raises(NotFound):
        planner.report(guard.outcome(call_id), guard.key.public)


def test_an_outcome_of_an_unknown_call_is_refused(files_tool, guard):
    with pytest.raises(NotFound):
        files_tool.report(guard.outcome(nonce()), guard.key.public)


@pytest.mark.spec("T-13")
def test_an_outcome_signed_by_another_key_is_refused(files_tool, guard, child):
    call_id = files_tool.decide(child, "files", "read", {}).call_id
    with pytest.raises(BadStatement):
        files_tool.report(guard.outcome(call_id), new_key().public)
