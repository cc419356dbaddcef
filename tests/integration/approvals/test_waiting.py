"""An agent waits for people's consent before it signs its call."""

from __future__ import annotations

import asyncio
import threading

import pytest

from delegation.core.arguments import Arguments
from delegation.core.constraints import under
from delegation.core.scope import Scope, tool
from delegation.errors import (
    ConditionUnmet,
    Reason,
)
from delegation.wire.authorization import CallToDecide
from delegation_sdk.aio import AsyncClient
from support.approvals import (
    ANN,
    FILES,
    PATH,
    PLANNER,
)
from support.caller import nonce


def in_the_background(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def answer_when_asked(world, task_id, *, approve, because=""):
    """Look until something is asked, as a person does, and answer it."""
    for _ in range(3_000):
        found = world.client(ANN).approvals.list(pending_only=True, task_id=task_id).items
        if found:
            world.answer(ANN, world.state(found[0], by=ANN), approve=approve, because=because)
            return
    raise AssertionError("nobody has asked")


def agents_task(client, world):
    return client.begin_task("clean up", scope=Scope(tool("files", "delete", world.needs(ANN), path=under("/srv"))))


def carried(world, call):
    question = CallToDecide(
        call.carriage.token, call.carriage.proof, "files", "delete", Arguments.of(call.arguments).canonical, nonce()
    )
    return world.caller(FILES).decide_question(question).refusal


def test_an_agent_waits_for_the_answer_and_then_makes_the_call(world):
    task = agents_task(world.client(PLANNER), world)
    answering = in_the_background(lambda: answer_when_asked(world, task.task_id, approve=True))
    with task.call("files", "delete", PATH, wait_for_approval="2m") as call:
        assert carried(world, call) is None
    answering.join(60)


def test_an_agent_that_does_not_wait_is_refused_by_the_guard(world):
    task = agents_task(world.client(PLANNER), world)
    with task.call("files", "delete", PATH) as call:
        assert carried(world, call).reason is Reason.APPROVAL_REQUIRED


def test_a_refusal_reaches_the_agent_that_waits_with_its_reason(world):
    task = agents_task(world.client(PLANNER), world)
    answering = in_the_background(
        lambda: answer_when_asked(world, task.task_id, approve=False, because="keep it until May")
    )
    with pytest.raises(ConditionUnmet) as refused, task.call("files", "delete", PATH, wait_for_approval="2m"):
        pass
    answering.join(60)
    assert refused.value.reason is Reason.APPROVAL_REQUIRED
    assert "keep it until May" in refused.value.detail


def test_waiting_ends_at_its_deadline_and_the_request_stays_open(world):
    task = agents_task(world.client(PLANNER), world)
    with pytest.raises(ConditionUnmet) as refused, task.call("files", "delete", PATH, wait_for_approval="300ms"):
        pass
    (request,) = world.client(ANN).approvals.list(pending_only=True, task_id=task.task_id).items
    assert request.request_id.hex() in refused.value.detail


async def test_asyncio_does_the_same(world):
    async with AsyncClient.connect(world.server.profile(PLANNER)) as client:
        scope = Scope(tool("files", "delete", world.needs(ANN), path=under("/srv")))
        task = await client.begin_task("clean up", scope=scope)
        answering = in_the_background(lambda: answer_when_asked(world, task.task_id, approve=True))
        async with task.call("files", "delete", PATH, wait_for_approval="2m") as call:
            assert await asyncio.to_thread(carried, world, call) is None
        await asyncio.to_thread(answering.join, 60)
        assert await client.approvals.request(task, "files", "delete", PATH) is not None
