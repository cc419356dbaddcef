"""Who answers a request for approval, and who does not; whose consent counts when the call is made."""

from __future__ import annotations

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.core.constraints import under
from delegation.core.revocation import RevocationKind
from delegation.core.scope import Scope, tool
from delegation.errors import (
    ConditionUnmet,
    Conflict,
    NotFound,
    PermissionDenied,
    Revoked,
)
from support.approvals import (
    ANN,
    BEN,
    BOTH,
    CY,
    EVE,
    IDENTITIES,
    PATH,
    PLANNER,
    WORKER,
    held,
    running_world,
)
from support.server import identity, spiffe_id


@pytest.mark.spec("A-24")
def test_somebody_who_is_not_asked_neither_sees_nor_answers_it(world):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    with pytest.raises(NotFound):
        world.state(request, by=EVE)
    with pytest.raises(NotFound):
        world.answer(EVE, request)
    with pytest.raises(PermissionDenied):
        world.client("operator/olga").approvals.answer(request, approve=True)
    with pytest.raises(PermissionDenied):
        world.client(PLANNER).approvals.answer(request, approve=True)
    assert not world.permits(task)
    world.answer(ANN, request)
    assert world.permits(task)


@pytest.mark.spec("A-24")
def test_whoever_has_asked_does_not_answer(world):
    task = world.task(world.needs(BOTH, ANN))
    request = world.ask(task, by=BOTH)
    with pytest.raises(PermissionDenied):
        world.answer(BOTH, request)
    assert world.answer(ANN, request).state is ApprovalState.APPROVED


@pytest.mark.spec("A-24", "T-25")
def test_an_agent_of_the_chain_does_not_answer(world):
    task = world.task(world.needs(BOTH, ANN))
    child = world.caller(PLANNER).hand_off(task, BOTH)
    below = world.caller(BOTH).hand_off(child, WORKER)
    request = world.ask(below)
    with pytest.raises(PermissionDenied):
        world.answer(BOTH, request)
    assert world.answer(BOTH, world.ask(task)).state is ApprovalState.APPROVED


@pytest.mark.spec("A-24")
def test_the_principal_does_not_approve_what_is_done_in_its_name(world):
    task = world.task(world.needs(BOTH, ANN), orchestrator=BOTH)  # on its own behalf
    request = world.ask(task)
    with pytest.raises(PermissionDenied):
        world.answer(BOTH, request)
    assert world.answer(ANN, request).state is ApprovalState.APPROVED


@pytest.mark.spec("A-23")
def test_two_of_three_are_two_different_people(world):
    task = world.task(world.needs(ANN, BEN, CY, threshold=2))
    request = world.ask(task)
    for _ in range(3):
        assert world.answer(ANN, request).state is ApprovalState.PENDING
    assert not world.permits(task)
    assert world.answer(CY, request).state is ApprovalState.APPROVED
    assert world.permits(task)
    assert not world.permits(task)


@pytest.mark.spec("A-24")
def test_one_refusal_ends_it_with_its_reason(world):
    task = world.task(world.needs(ANN, BEN))
    request = world.ask(task)
    refused = world.answer(ANN, request, approve=False, because="still in use")
    assert refused.state is ApprovalState.REFUSED
    assert refused.answers[0].justification == "still in use"
    with pytest.raises(Conflict):
        world.answer(BEN, request)
    assert not world.permits(task)
    assert world.decide(task).refusal.approval_request_id == request.request_id
    assert world.ask(task) == world.state(request, by=PLANNER)  # asking again is no way to another answer
    with pytest.raises(ConditionUnmet, match="still in use"):
        world.client(PLANNER).approvals.wait(held(task), "files", "delete", PATH, timeout="1m")
    world.approved(task, arguments={"path": "/srv/new"})
    assert world.permits(task, {"path": "/srv/new"})


@pytest.mark.spec("A-24")
def test_a_refusal_stands_for_the_whole_task_and_no_other(world):
    task, other = world.task(world.needs(ANN, BEN)), world.task(world.needs(ANN, BEN))
    request = world.ask(task)
    world.answer(ANN, request, approve=False)
    again = world.caller(PLANNER).hand_off(task, PLANNER)
    stricter = Scope(tool("files", "delete", world.needs(ANN, BEN), world.needs(BEN), path=under("/srv")))
    for below in (again, world.caller(PLANNER).hand_off(task, PLANNER, scope=stricter)):
        assert not world.permits(below)
        assert world.ask(below).request_id == request.request_id
    world.approved(again, BEN, arguments={"path": "/srv/new"})
    assert world.permits(again, {"path": "/srv/new"})
    world.approved(other, BEN)
    assert world.permits(other)


@pytest.mark.spec("A-24")
def test_an_approver_who_is_named_as_an_agent_of_the_chain_can_still_refuse(world):
    task = world.task(world.needs(ANN, BEN))
    below = world.caller(PLANNER).hand_off(world.caller(PLANNER).hand_off(task, ANN), WORKER)
    request = world.ask(below)
    with pytest.raises(PermissionDenied):
        world.answer(ANN, request)
    assert world.answer(ANN, request, approve=False).state is ApprovalState.REFUSED
    assert not world.permits(below)


@pytest.mark.spec("A-24")
def test_who_acts_as_an_agent_too_does_not_approve_under_a_chain_that_nobody_vouches_for(world):
    task = world.task(world.needs(BOTH, ANN))
    alias = world.caller(PLANNER).hand_off(task, "agent/one-off")  # which may be BOTH, by another name
    with pytest.raises(PermissionDenied):
        world.answer(BOTH, world.ask(alias))
    assert world.answer(BOTH, world.ask(task)).state is ApprovalState.APPROVED


@pytest.mark.spec("A-24")
def test_who_is_no_approver_any_more_has_approved_nothing(tmp_path):
    with running_world(tmp_path) as world:
        task, other = world.task(world.needs(ANN)), world.task(world.needs(BEN))
        world.approved(task)
        world.approved(other, BEN)
    fewer = [each for each in IDENTITIES if each["id"] != spiffe_id(ANN)] + [identity(ANN, "auditor")]
    with running_world(tmp_path, identities=fewer) as world:
        assert not world.permits(task)
        assert world.permits(other)


def test_an_approver_who_is_revoked_answers_nothing(world):
    gone = "person/gone"
    task = world.task(world.needs(gone, ANN))
    request = world.ask(task)
    world.client("operator/olga").revoke_id(RevocationKind.AGENT, spiffe_id(gone).encode())
    with pytest.raises(Revoked):
        world.answer(gone, request)
    assert world.answer(ANN, request).state is ApprovalState.APPROVED


@pytest.mark.spec("A-24")
def test_who_is_revoked_after_the_answer_has_approved_nothing(tmp_path):
    with running_world(tmp_path) as world:
        task, other = world.task(world.needs(ANN)), world.task(world.needs(BEN))
        world.approved(task)
        world.approved(other, BEN)
        world.client("operator/olga").revoke_id(RevocationKind.AGENT, spiffe_id(ANN).encode())
        assert not world.permits(task)
        assert world.permits(other)


@pytest.mark.spec("A-24")
def test_what_was_withdrawn_counts_no_more(world):
    task = world.task(world.needs(ANN, BEN))
    request = world.approved(task)
    with pytest.raises(NotFound):
        world.client(WORKER).approvals.withdraw(request.request_id)
    assert world.client(PLANNER).approvals.withdraw(request.request_id).state is ApprovalState.WITHDRAWN
    assert not world.permits(task)
    with pytest.raises(Conflict):
        world.answer(BEN, request)
    world.approved(task)
    assert world.permits(task)
