"""A task is over: whatever was handed on in it ends with it, whoever still holds it and wherever it is used."""

from __future__ import annotations

import contextlib

from delegation_sdk import Reason, Scope, any_call

SCOPE = Scope(any_call("docs", "search"), any_call("payments", "refund"))
REFUND = {"order": "o-17", "amount": 5}


async def test_nobody_calls_when_the_block_is_left(visit, office):
    planner = await visit.agent()
    async with planner.task("Refund an order", scope=SCOPE) as task:
        worker = await task.hand_off("spiffe://test.example/agent/worker")
        below = await worker.hand_off("spiffe://test.example/agent/below")
        await visit.run(below, "payments.refund", **REFUND)

    for holding in (task, worker, below):
        assert (await visit.refusal(holding, "payments.refund", **REFUND)).reason is Reason.TASK_ENDED
        assert (await visit.refusal(holding, "docs.search", words="hours")).reason is Reason.TASK_ENDED
    assert office.done(task, "payments.refund") == [REFUND]


async def test_nobody_calls_when_the_block_is_left_by_an_error(visit, office):
    planner = await visit.agent()
    with contextlib.suppress(KeyError):
        async with planner.task("Refund an order", scope=SCOPE) as task:
            worker = await task.hand_off("spiffe://test.example/agent/worker")
            raise KeyError("the model gave up")
    assert (await visit.refusal(worker, "payments.refund", **REFUND)).reason is Reason.TASK_ENDED
    assert office.done(task, "payments.refund") == []


async def test_benign_another_task_of_the_same_agent_goes_on(visit, office):
    planner = await visit.agent()
    async with planner.task("Refund another", scope=SCOPE) as going_on:
        async with planner.task("Refund an order", scope=SCOPE) as over:
            await visit.run(over, "payments.refund", **REFUND)
        await visit.run(going_on, "payments.refund", **REFUND)
        assert (await visit.refusal(over, "payments.refund", **REFUND)).reason is Reason.TASK_ENDED
