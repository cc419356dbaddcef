"""A call that lacks nothing but approval is put before its approvers without its agent's asking."""

from __future__ import annotations

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.errors import Overloaded
from delegation.storage.approvals import OPEN_UNDER_A_LINK
from support.approvals import (
    ANN,
    FILES,
    PLANNER,
    WORKER,
    running_world,
)
from support.caller import Holding
from support.server import spiffe_id


@pytest.mark.spec("H-14", "X-3")
def test_a_refusal_names_the_request_that_waits_and_it_is_the_agents_own(world):
    task = world.task(world.needs(ANN))
    child = world.caller(PLANNER).hand_off(task, WORKER)
    refused = world.decide(child).refusal
    (waiting,) = world.client(ANN).approvals.list(pending_only=True, task_id=child.task_id).items
    assert (refused.approval_request_id, waiting.requester) == (waiting.request_id, spiffe_id(WORKER))
    assert world.decide(child).refusal.approval_request_id == waiting.request_id
    assert world.client(WORKER).approvals.get(waiting.request_id).state is ApprovalState.PENDING
    assert world.ask(child, by=PLANNER).request_id == waiting.request_id  # which runs it in its own process
    assert world.client(PLANNER).approvals.get(waiting.request_id).arguments_json
    world.answer(ANN, world.state(waiting, by=ANN))
    assert world.permits(child)


@pytest.mark.spec("A-11")
def test_a_question_that_is_repeated_names_the_same_request_and_asks_nobody_again(world):
    task = world.task(world.needs(ANN))
    question = task.question("files", "delete", {"path": "/srv/a"})
    request_id = world.caller(FILES).decide_question(question).refusal.approval_request_id
    assert request_id
    world.client(PLANNER).approvals.withdraw(request_id)
    assert world.caller(FILES).decide_question(question).refusal.approval_request_id == request_id
    assert world.client(ANN).approvals.list(pending_only=True, task_id=task.task_id).items == ()
    assert world.decide(task).refusal.approval_request_id != request_id  # another call is another matter


def test_what_is_refused_for_another_reason_is_put_before_nobody(world):
    task = world.task(world.needs(ANN))
    assert world.decide(task, {"path": "/etc"}).refusal.approval_request_id == b""
    thief = Holding(task.token, world.task().key, task.task_id)
    assert world.decide(thief).refusal.approval_request_id == b""
    assert world.client("auditor/ada").approvals.list(task_id=task.task_id).items == ()


def test_where_the_operator_says_so_only_agents_open_requests(tmp_path):
    quiet = {"open_on_refusal": False}
    with running_world(tmp_path, approvals=quiet) as world:
        task = world.task(world.needs(ANN))
        assert world.decide(task).refusal.approval_request_id == b""
        assert world.client(ANN).approvals.list().items == ()
        world.approved(task)
        assert world.permits(task)


def test_a_task_floods_nobody_with_requests(world):
    task = world.task(world.needs(ANN))
    for number in range(OPEN_UNDER_A_LINK):
        world.ask(task, {"path": f"/srv/{number}"})
    with pytest.raises(Overloaded):
        world.ask(task)
    assert world.decide(task).refusal.approval_request_id == b""
    (some, *_) = world.client(ANN).approvals.list(pending_only=True, task_id=task.task_id).items
    world.answer(ANN, some, approve=False)
    world.approved(task)
    assert world.permits(task)
