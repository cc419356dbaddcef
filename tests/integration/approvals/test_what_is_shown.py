"""What approvers, agents and auditors see of requests for approval; an answer is to what was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.errors import (
    Conflict,
    InvalidRequest,
)
from support.approvals import (
    ANN,
    CY,
    PLANNER,
    WORKER,
)
from support.server import spiffe_id


@pytest.mark.spec("A-25")
def test_an_answer_is_to_what_was_seen(world):
    task = world.task(world.needs(ANN))
    request, other = world.ask(task), world.ask(task, {"path": "/srv/new"})
    with pytest.raises(Conflict):
        world.answer(ANN, replace(request, arguments_json=other.arguments_json))
    with pytest.raises(InvalidRequest):
        world.answer(ANN, replace(request, arguments_json=b""))
    assert world.answer(ANN, request).state is ApprovalState.APPROVED


# -- what is shown


def test_an_approver_sees_the_exact_call_and_who_is_behind_it(world):
    task = world.task(world.needs(ANN))
    child = world.caller(PLANNER).hand_off(task, WORKER)
    request = world.ask(child)
    seen = world.client(ANN).approvals.get(request.request_id)
    assert seen.arguments_json == b'{"path":"/srv/old"}'
    for who in ("auditor/ada", "operator/olga"):
        told = world.state(request, by=who)
        assert replace(told, arguments_json=seen.arguments_json, token=seen.token) == seen
        assert told.token == b""
        assert world.state(request, by=who).arguments_json == b""
    assert [agent.agent for agent in seen.agents] == [spiffe_id(PLANNER), spiffe_id(WORKER)]
    assert (seen.purpose, seen.principal.subject) == ("look things up", spiffe_id(PLANNER))
    after = world.answer(ANN, seen, because="it is old")
    (answer,) = after.answers
    assert (answer.approver, answer.approver_issuer) == (spiffe_id(ANN), "spiffe://test.example")
    assert answer.approval is not None
    assert after.arguments_json == b""


def test_each_lists_what_it_may_see(world):
    task = world.task(world.needs(CY))
    mine = {world.ask(task, {"path": f"/srv/{number}"}).request_id for number in range(3)}

    def listed(who, **which):
        return {each.request_id for each in world.client(who).approvals.list(limit=500, **which).items}

    assert listed(CY, pending_only=True, task_id=task.task_id) == mine <= listed(CY)
    assert listed(ANN, task_id=task.task_id) == set()
    assert listed("auditor/ada", task_id=task.task_id) == mine
    assert mine <= listed(PLANNER)
    assert not mine & listed(WORKER)
    assert all(not each.arguments_json for each in world.client(CY).approvals.list().items)
