"""Authorize: a decision for every question, recorded before it is answered; a refusal is an answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from delegation.core.arguments import Arguments
from delegation.core.chain import TraceIds
from delegation.core.codec import join_token
from delegation.core.conditions import CallCount, approved_by
from delegation.core.constraints import at_most, under
from delegation.core.scope import any_call, tool
from delegation.errors import BadProof, InvalidRequest, PermissionDenied, PolicyDenied, Reason
from support.caller import links_of, new_key, nonce, now_ms

READ = tool("files", "read", path=under("/srv/docs"), limit=at_most(100))
CALL = {"path": "/srv/docs/a.txt", "limit": 10}
BILLING = any_call("billing", "refund")


@pytest.fixture
def task(planner):
    return planner.grant(READ, BILLING, unrecorded_handoffs=False)


@pytest.fixture
def child(planner, task):
    return planner.hand_off(task, "agent/reader")


def refusal(decision):
    assert decision.refusal is not None
    return decision.refusal


def recorded(caller, call_id):
    return caller.explain(call_id).call


@pytest.mark.spec("A-6")
def test_a_permitted_call_is_permitted_and_recorded(files_tool, operator, child):
    trace = TraceIds(nonce(), nonce()[:8])
    decision = files_tool.decide(child, "files", "read", CALL, trace=trace)
    assert decision.refusal is None
    call = recorded(operator, decision.call_id)
    assert call.allowed
    assert (call.task_id, call.leaf_link_id) == (child.task_id, child.leaf.link_id)
    assert (call.audience, call.tool, call.agent) == ("files", "read", "spiffe://test.example/agent/reader")
    assert call.arguments_digest == Arguments.of(CALL).digest
    assert call.decided_by == "service"
    assert call.trace == trace


@pytest.mark.spec("A-2", "A-7", "X-3")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({**CALL, "limit": 101}, Reason.ARGUMENT_REFUSED),
        ({**CALL, "path": "/etc/passwd"}, Reason.ARGUMENT_REFUSED),
        ({**CALL, "path": "/srv/docs/../secret"}, Reason.ARGUMENT_REFUSED),
        ({**CALL, "limit": "10"}, Reason.ARGUMENT_REFUSED),
        ({**CALL, "limit": True}, Reason.ARGUMENT_REFUSED),
        ({**CALL, "mode": "w"}, Reason.ARGUMENT_UNEXPECTED),
        ({"path": "/srv/docs"}, Reason.ARGUMENT_MISSING),
    ],
    ids=str,
)
def test_arguments_beyond_the_scope_are_an_answer_not_an_error_and_are_recorded(
    files_tool, operator, child, arguments, reason
):
    decision = files_tool.decide(child, "files", "read", arguments)
    assert refusal(decision).reason is reason
    assert refusal(decision).link_index == 0
    call = recorded(operator, decision.call_id)
    assert not call.allowed
    assert call.refusal.reason is reason
    assert call.task_id == child.task_id


def test_a_tool_that_no_link_lists_is_refused(files_tool, child):
    assert refusal(files_tool.decide(child, "files", "delete", {})).reason is Reason.TOOL_NOT_PERMITTED


@pytest.mark.spec("A-12", "A-13")
def test_a_count_of_calls_is_kept_by_the_service_and_names_the_link_that_is_exhausted(planner, files_tool, operator):
    counted = planner.grant(any_call("files", "read", CallCount(2)))
    assert [files_tool.decide(counted, "files", "read", {"n": n}).refusal for n in range(2)] == [None, None]
    decision = files_tool.decide(counted, "files", "read", {"n": 2})
    refused = refusal(decision)
    assert (refused.reason, refused.link_index, refused.parent) == (Reason.CALLS_EXHAUSTED, 0, "0 of 2 calls")
    assert recorded(operator, decision.call_id).refusal.reason is Reason.CALLS_EXHAUSTED


@pytest.mark.spec("A-12")
def test_a_call_that_nobody_has_approved_is_refused(planner, files_tool):
    refused = refusal(
        files_tool.decide(planner.grant(any_call("files", "read", approved_by("ada"))), "files", "read", {})
    )
    assert (refused.reason, refused.link_index) == (Reason.APPROVAL_REQUIRED, 0)


# -- who asks


@pytest.mark.spec("A-10")
def test_a_tool_speaks_only_for_its_own_audiences_and_nothing_is_recorded(files_tool, operator, child):
    before = operator.calls(task_id=child.task_id)[0]
    with pytest.raises(PolicyDenied) as refused:
        files_tool.decide(child, "billing", "refund", {})
    assert refused.value.reason is Reason.NOT_YOUR_AUDIENCE
    assert operator.calls(task_id=child.task_id)[0] == before


def test_an_agent_that_is_no_tool_gets_no_decision(as_, child):
    with pytest.raises(PermissionDenied):
        as_("agent/plain").decide(child, "files", "read", CALL)


# -- proofs


@pytest.mark.spec("P-4", "P-5", "P-6", "P-7")
@pytest.mark.parametrize(
    ("tweaks", "reason"),
    [
        ({"key": new_key()}, Reason.PROOF_INVALID),
        ({"chain_digest": bytes(32)}, Reason.PROOF_OTHER_CALL),
        ({"arguments_digest": bytes(32)}, Reason.PROOF_OTHER_CALL),
        ({"now_ms": now_ms() - 3_600_000}, Reason.PROOF_STALE),
        ({"now_ms": now_ms() + 3_600_000}, Reason.PROOF_FROM_FUTURE),
    ],
    ids=["stolen token", "another chain", "other arguments", "an hour ago", "in an hour"],
)
def test_a_proof_that_is_not_for_this_call_is_refused(files_tool, child, tweaks, reason):
    proof = child.proof("files", "read", CALL, **tweaks)
    assert refusal(files_tool.decide(child, "files", "read", CALL, proof=proof)).reason is reason


@pytest.mark.spec("P-3")
@pytest.mark.parametrize(
    ("proof", "reason"),
    [(b"", Reason.PROOF_MISSING), (b"nonsense", Reason.PROOF_INVALID), (bytes(100_000), Reason.PROOF_INVALID)],
    ids=["none", "nonsense", "huge"],
)
def test_what_is_no_proof_is_refused(files_tool, child, proof, reason):
    assert refusal(files_tool.decide(child, "files", "read", CALL, proof=proof)).reason is reason


@pytest.mark.spec("P-8", "A-11")
def test_a_replayed_proof_is_refused_even_for_the_very_same_call(files_tool, operator, child):
    question = child.question("files", "read", CALL)
    assert files_tool.decide_question(question).refusal is None
    again = files_tool.decide_question(replace(question, attempt=nonce()))
    assert refusal(again).reason is Reason.PROOF_REPLAYED
    assert recorded(operator, again.call_id).refusal.reason is Reason.PROOF_REPLAYED


@pytest.mark.spec("P-8", "P-10")
def test_a_proof_used_at_one_tool_is_used_up_for_another(planner, files_tool, child):
    question = child.question("files", "read", CALL)
    assert files_tool.decide_question(question).refusal is None
    assert refusal(planner.decide_question(question)).reason is Reason.PROOF_REPLAYED


@pytest.mark.spec("A-11")
def test_the_same_question_gets_the_same_decision_and_is_recorded_once(files_tool, operator, planner):
    asked = planner.grant(tool("files", "asked_twice", path=under("/srv/docs"), limit=at_most(100)))
    questions = (
        asked.question("files", "asked_twice", CALL),
        asked.question("files", "asked_twice", {**CALL, "limit": 1000}),
        asked.question("files", "asked_twice", CALL, token=b"nonsense"),
        asked.question("files", "asked_twice", CALL, proof=b""),
    )
    for number, question in enumerate(questions, 1):
        first, again = files_tool.decide_question(question), files_tool.decide_question(question)
        assert (first.call_id, first.decided_at_ms) == (again.call_id, again.decided_at_ms)
        assert (first.refusal is None) is (again.refusal is None) is (number == 1)
        found = [call.call_id for call in operator.calls(tool="asked_twice")[0]]
        assert len(found) == number
        assert first.call_id in found


def test_a_replayed_denial_is_remembered_too(files_tool, child):
    question = child.question("files", "read", CALL)
    files_tool.decide_question(question)
    replay = replace(question, attempt=nonce())
    assert files_tool.decide_question(replay).call_id == files_tool.decide_question(replay).call_id


@pytest.mark.spec("P-8")
def test_a_proof_that_nobody_valid_signed_does_not_use_up_its_nonce(files_tool, child):
    shared = nonce()
    forged = child.proof("files", "read", CALL, key=new_key(), nonce=shared)
    assert refusal(files_tool.decide(child, "files", "read", CALL, proof=forged)).reason is Reason.PROOF_INVALID
    genuine = child.proof("files", "read", CALL, nonce=shared)
    assert files_tool.decide(child, "files", "read", CALL, proof=genuine).refusal is None


# -- chains


@pytest.mark.spec("P-7")
def test_a_truncated_chain_is_refused_for_want_of_the_leafs_key(files_tool, task, child):
    cut = replace(child, token=task.token)
    decision = files_tool.decide(cut, "files", "read", CALL)
    assert refusal(decision).reason is Reason.PROOF_INVALID


@pytest.mark.spec("V-12")
def test_an_unreceipted_handoff_is_refused_and_attributed_to_its_task(files_tool, operator, task):
    hidden = task.child("agent/reader")
    decision = files_tool.decide(hidden, "files", "read", CALL)
    assert refusal(decision).reason is Reason.RECEIPT_MISSING
    call = recorded(operator, decision.call_id)
    assert (call.task_id, call.agent) == (task.task_id, "")


@pytest.mark.spec("V-20")
def test_the_service_needs_no_receipt_for_what_it_has_recorded_itself(files_tool, planner, task):
    child = task.child("agent/reader")
    planner.record(child)
    assert files_tool.decide(child, "files", "read", CALL).refusal is None


@pytest.mark.spec("A-7")
@pytest.mark.parametrize("token", [b"", b"\x00\x01", b"x" * 100_000], ids=["none", "nonsense", "huge"])
def test_what_is_no_token_is_a_recorded_denial_without_a_task(files_tool, operator, child, token):
    decision = files_tool.decide(child, "files", "read", CALL, token=token)
    assert refusal(decision).layer in {"decode", "proof"}
    call = recorded(operator, decision.call_id)
    assert (call.task_id, call.agent, call.principal_subject) == (None, "", "")


@pytest.mark.spec("V-4", "V-16")
def test_a_link_signed_by_another_is_refused_at_that_link(files_tool, operator, task):
    links = links_of(task.child("agent/reader").token)
    forged = join_token([links[0], links[1]._replace(signature=bytes(64))])
    decision = files_tool.decide(task, "files", "read", CALL, token=forged)
    assert refusal(decision).reason is Reason.SIGNATURE_INVALID
    assert refusal(decision).link_index == 1
    assert recorded(operator, decision.call_id).task_id == task.task_id


@pytest.mark.spec("A-3")
@pytest.mark.parametrize(
    "arguments", [b"", b"{", b"[1]", b'{"a":1,"a":2}', b'{ "a": 1}', b"\xff", b"null", b'{"a":1e400}'], ids=str
)
def test_arguments_that_are_not_canonical_are_refused(files_tool, child, arguments):
    decision = files_tool.decide(child, "files", "read", CALL, arguments_json=arguments)
    assert refusal(decision).reason in {Reason.ARGUMENTS_INVALID, Reason.PROOF_OTHER_CALL}


@pytest.mark.parametrize(
    "tweaks",
    [{"audience": ""}, {"tool": ""}, {"tool": "x" * 513}, {"attempt": b"short"}, {"attempt": b""}],
    ids=["no audience", "no tool", "long tool", "short attempt", "no attempt"],
)
def test_a_question_that_only_a_broken_guard_would_ask_is_an_error(files_tool, child, tweaks):
    with pytest.raises(InvalidRequest):
        files_tool.decide_question(replace(child.question("files", "read", CALL), **tweaks))


# -- streams and concurrency


def test_a_stream_answers_in_the_order_of_its_requests(files_tool, child):
    calls = [child.question("files", "read", {**CALL, "limit": 95 + number}) for number in range(40)]
    decisions = files_tool.decide_stream(calls)
    assert [decision.refusal is None for decision in decisions] == [95 + number <= 100 for number in range(40)]
    assert len({decision.call_id for decision in decisions}) == 40


@pytest.mark.spec("P-8")
def test_one_proof_presented_by_many_at_once_is_accepted_once(files_tool, child):
    question = child.question("files", "read", CALL)
    attempts = [replace(question, attempt=nonce()) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        decisions = list(pool.map(files_tool.decide_question, attempts))
    assert sum(decision.refusal is None for decision in decisions) == 1
    assert {refusal(d).reason for d in decisions if d.refusal} == {Reason.PROOF_REPLAYED}


# -- ConsumeProof


@pytest.mark.spec("P-8")
def test_a_consumed_proof_is_used_up_for_every_guard(files_tool, planner):
    used = ("files", nonce(), now_ms())
    files_tool.consume(*used)
    for caller in (files_tool, planner):
        with pytest.raises(BadProof) as refused:
            caller.consume(*used)
        assert refused.value.reason is Reason.PROOF_REPLAYED
    files_tool.consume(*used, chain_digest=nonce() * 2)  # the same nonce, but somebody else's proof


@pytest.mark.spec("P-5", "P-6")
@pytest.mark.parametrize(
    ("offset_ms", "reason"), [(-3_600_000, Reason.PROOF_STALE), (3_600_000, Reason.PROOF_FROM_FUTURE)]
)
def test_a_proof_outside_its_time_is_not_consumed(files_tool, offset_ms, reason):
    with pytest.raises(BadProof) as refused:
        files_tool.consume("files", nonce(), now_ms() + offset_ms)
    assert refused.value.reason is reason


@pytest.mark.spec("A-10")
def test_a_tool_consumes_proofs_of_its_own_audiences_only(files_tool):
    with pytest.raises(PolicyDenied):
        files_tool.consume("billing", nonce())
