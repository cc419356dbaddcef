"""An outcome that never comes: what was permitted stays spent. Only the tool that was authorized gives it back."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from delegation.errors import NotFound, PermissionDenied
from delegation_sdk import OutcomeStatus, Reason, Scope, at_most, budget, one_of, tool
from support.caller import Caller, GuardRecords, new_key

ORDERS = one_of("o-17", "closed", "torn")
REFUNDS = Scope(tool("payments", "refund", budget("amount", 50), order=ORDERS, amount=at_most(50)))
DEADLINE_SECONDS = 60


async def remaining(client, task):
    _, (link, *_) = await client.lineage.get_task(task.task_id)
    return next((use.remaining for use in link.uses), "50")


async def until_nothing_is_spent(client, task):
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await remaining(client, task) != "50":
            pass


async def test_a_tool_that_dies_before_it_says_what_came_of_it_has_spent_it(visit, office):
    planner = await visit.agent()
    async with planner.task("Refund an order", scope=REFUNDS) as task:
        # What the MCP client makes of a torn connection is its own affair.
        with office.tools("payments") as doomed, contextlib.suppress(Exception):
            async with office.visit(doomed) as torn:
                await torn.call(task, "payments.refund", order="torn", amount=50)
        assert len(office.done(task, "payments.refund")) == 1
        refused = await visit.refusal(task, "payments.refund", order="o-17", amount=1)
        assert (refused.reason, refused.parent) == (Reason.BUDGET_EXCEEDED, "0 of 50 in sum")


async def test_benign_a_failure_that_the_tool_reports_gives_it_back(visit, office):
    planner = await visit.agent()
    async with planner.task("Refund an order", scope=REFUNDS) as task:
        failed = await visit.call(task, "payments.refund", order="closed", amount=50)
        assert failed.is_error
        await until_nothing_is_spent(planner, task)
        await visit.run(task, "payments.refund", order="o-17", amount=50)
        assert [line["order"] for line in office.done(task, "payments.refund")] == ["o-17"]


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("the agent", NotFound),
        ("another tool", NotFound),
        ("an approver", PermissionDenied),
        ("the operator", PermissionDenied),
    ],
)
async def test_nobody_else_gives_it_back(visit, office, who, error):
    path = {
        "the agent": office.new_agent(),
        "another tool": "tool/mail",
        "an approver": "person/ann",
        "the operator": "operator/olga",
    }[who]
    planner = await visit.client(path) if who == "the agent" else await visit.agent()
    async with planner.task("Refund an order", scope=REFUNDS) as task:
        await visit.run(task, "payments.refund", order="o-17", amount=50)
        assert await remaining(planner, task) == "0"
        (call,) = (await planner.lineage.search_calls(task_id=task.task_id)).items
        guard = GuardRecords(new_key())
        with Caller.of(office.server, path) as caller, pytest.raises(error):
            caller.report(guard.outcome(call.call_id, OutcomeStatus.FAILED), guard.key.public)
        assert (await visit.refusal(task, "payments.refund", order="o-17", amount=1)).reason is Reason.BUDGET_EXCEEDED
