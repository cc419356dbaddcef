"""Step-up at a running service: what is approved is one exact call, once, of one chain, for a while.

Every refusal has its benign twin: the same call, approved as it must be, is permitted.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from delegation.app.key_files import system_ms
from delegation.core import limits
from delegation.core.approval_request import ApprovalState
from delegation.core.conditions import at_most_calls
from delegation.core.constraints import under
from delegation.core.scope import Scope, tool
from delegation.errors import (
    BadProof,
    ConditionUnmet,
    Conflict,
    NotPermitted,
    Reason,
    StorageError,
)
from delegation.v1 import approval_service_pb2 as pb
from support.approvals import (
    ANN,
    BEN,
    FILES,
    PATH,
    PLANNER,
    WORKER,
    Clock,
    held,
    rewrite,
    running_world,
)
from support.caller import Holding
from support.server import spiffe_id


@pytest.mark.spec("A-12", "A-23")
def test_a_call_is_refused_until_a_named_person_has_consented_and_then_permitted_once(world):
    task = world.task(world.needs(ANN))
    refused = world.decide(task).refusal
    assert (refused.reason, refused.link_index, refused.field) == (Reason.APPROVAL_REQUIRED, 0, "files.delete")
    assert spiffe_id(ANN) in refused.detail
    request = world.approved(task)
    decision = world.decide(task)
    assert decision.refusal is None
    used = world.state(request)
    assert (used.state, used.call_id) == (ApprovalState.USED, decision.call_id)
    assert not world.permits(task)


def test_a_call_that_needs_no_approval_is_not_asked_about(world):
    task = world.task()
    assert world.client(PLANNER).approvals.request(held(task), "files", "delete", PATH) is None
    assert world.permits(task)


@pytest.mark.spec("A-11", "A-17")
def test_the_same_question_again_is_the_same_permission_and_uses_nothing_more(world):
    task = world.task(world.needs(ANN))
    world.approved(task)
    question = task.question("files", "delete", PATH)
    decisions = {world.caller(FILES).decide_question(question) for _ in range(3)}
    assert len(decisions) == 1
    assert decisions.pop().refusal is None
    assert not world.permits(task)


@pytest.mark.spec("T-25")
def test_an_approval_is_for_no_other_arguments(world):
    task = world.task(world.needs(ANN))
    world.approved(task)
    assert not world.permits(task, {"path": "/srv/new"})
    assert world.permits(task)


@pytest.mark.spec("T-25")
def test_an_approval_is_for_no_other_link(world):
    task = world.task(world.needs(ANN))
    child = world.caller(PLANNER).hand_off(task, WORKER)
    sibling = world.caller(PLANNER).hand_off(task, WORKER)
    world.approved(child)
    assert not world.permits(sibling)
    assert not world.permits(task)
    assert world.permits(child)


def test_asking_again_is_the_same_request_and_the_proof_is_not_used_up(world):
    task = world.task(world.needs(ANN))
    first = world.ask(task)
    assert world.ask(task).request_id == first.request_id
    assert world.ask(task, {"path": "/srv/new"}).request_id != first.request_id


@pytest.mark.spec("A-25")
def test_only_what_the_chain_permits_is_asked_about(world):
    task = world.task(world.needs(ANN), at_most_calls(1))
    with pytest.raises(NotPermitted) as refused:
        world.ask(task, {"path": "/etc/passwd"})
    assert refused.value.reason is Reason.ARGUMENT_REFUSED
    world.approved(task)
    assert world.permits(task)
    with pytest.raises(ConditionUnmet) as exhausted:
        world.ask(task)
    assert exhausted.value.reason is Reason.CALLS_EXHAUSTED


@pytest.mark.spec("A-25")
def test_only_the_leafs_holder_asks(world):
    task = world.task(world.needs(ANN))
    thief = Holding(task.token, world.task().key, task.task_id)
    wanted = thief.question("files", "delete", PATH)

    caller = world.caller(PLANNER)
    message = pb.RequestApprovalRequest(
        token=wanted.token, proof=wanted.proof, audience="files", tool="delete", arguments_json=wanted.arguments_json
    )
    with pytest.raises(BadProof):
        caller.ask(caller.approvals.RequestApproval, message)
    message.proof = task.proof("files", "delete", PATH)
    answer = caller.ask(caller.approvals.RequestApproval, message)
    assert answer.request.requester == spiffe_id(PLANNER)


def test_every_links_demand_is_met_or_the_call_is_refused(world):
    task = world.task(world.needs(ANN, BEN))
    strict = Scope(tool("files", "delete", world.needs(ANN, BEN, threshold=2), path=under("/srv")))
    child = world.caller(PLANNER).hand_off(task, WORKER, scope=strict)
    request = world.ask(child)
    assert [demand.threshold for demand in request.demands] == [1, 2]
    assert world.answer(ANN, request).state is ApprovalState.PENDING
    assert world.decide(child).refusal.link_index == 0
    assert world.answer(BEN, request).state is ApprovalState.APPROVED
    assert world.permits(child)


@pytest.mark.spec("A-23")
def test_of_many_calls_at_once_one_uses_the_approval(world):
    task = world.task(world.needs(ANN))
    world.approved(task)
    questions = [task.question("files", "delete", PATH) for _ in range(20)]
    with ThreadPoolExecutor(10) as pool:
        decisions = list(pool.map(world.caller(FILES).decide_question, questions))
    assert sum(decision.refusal is None for decision in decisions) == 1


@pytest.mark.spec("A-23")
@pytest.mark.parametrize("table", ["approval_answers", "approval_requests"])
def test_approvals_that_cannot_be_read_permit_nothing(world, table):
    task = world.task(world.needs(ANN))
    request = world.approved(task)
    rewrite(world, f"ALTER TABLE {table} RENAME TO elsewhere")
    try:
        with pytest.raises(StorageError):  # no decision: a guard takes that for a denial
            world.decide(task)
    finally:
        rewrite(world, f"ALTER TABLE elsewhere RENAME TO {table}")
    assert world.state(request).state is ApprovalState.APPROVED
    assert world.permits(task)


@pytest.mark.spec("T-24")
@pytest.mark.parametrize("forged", ["signature", "payload", "key_id"])
def test_an_approval_that_the_service_has_not_signed_permits_nothing(world, forged):
    task = world.task(world.needs(ANN))
    request = world.approved(task)
    ((kept,),) = rewrite(world, f"SELECT {forged} FROM approval_answers WHERE request_id = ?", request.request_id)
    torn = kept[:-1] + bytes([kept[-1] ^ 1])
    rewrite(world, f"UPDATE approval_answers SET {forged} = ? WHERE request_id = ?", torn, request.request_id)
    assert not world.permits(task)
    assert world.approved(task).request_id != request.request_id
    assert world.permits(task)


@pytest.mark.spec("A-24", "T-25")
def test_an_approval_is_void_when_it_has_expired(tmp_path):
    clock = Clock(system_ms)
    with running_world(tmp_path, now_ms=clock) as world:
        task = world.caller(PLANNER).grant(
            tool("files", "delete", world.needs(ANN), path=under("/srv")), lifetime_ms=2 * limits.APPROVAL_LIFETIME_MS
        )
        late, approved = world.ask(task, {"path": "/srv/late"}), world.approved(task)
        assert world.permits(task)
        approved = world.approved(task)
        clock.ahead_ms = limits.APPROVAL_LIFETIME_MS + 1

        def at_that_time(path):
            now_ms = clock()
            proof = task.proof("files", "delete", path, now_ms=now_ms)
            return world.decide(task, path, proof=proof).refusal

        assert at_that_time(PATH).reason is Reason.APPROVAL_REQUIRED
        assert world.state(approved).state is ApprovalState.EXPIRED
        with pytest.raises(Conflict):
            world.answer(ANN, late)
        assert not world.state(late, by=ANN).arguments_json


@pytest.mark.spec("A-23")
@pytest.mark.parametrize(("ahead_ms", "counts"), [(2_000, True), (60_000, False)])
def test_what_was_approved_by_a_clock_that_is_a_little_ahead_counts_at_once(tmp_path, ahead_ms, counts):
    clock = Clock(system_ms)
    with running_world(tmp_path, now_ms=clock) as world:
        task = world.caller(PLANNER).grant(
            tool("files", "delete", world.needs(ANN), path=under("/srv")), lifetime_ms=4 * limits.APPROVAL_LIFETIME_MS
        )
        request = world.ask(task)
        clock.ahead_ms = ahead_ms
        approved = world.answer(ANN, request)
        clock.ahead_ms = 0
        assert world.permits(task) is counts
        assert world.state(approved).state is (ApprovalState.USED if counts else ApprovalState.APPROVED)
