"""Salami: refunds that are each small enough, by siblings one after another and by a hundred callers at once."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from delegation_sdk import Reason, Scope, at_most, budget, tool
from delegation_sdk.integrations.mcp_client import refusal_in

CALLERS = 100


def refunds(in_sum: int) -> Scope:
    return Scope(tool("payments", "refund", budget("amount", in_sum), order="o-17", amount=at_most("50.00")))


def paid(office, task) -> Decimal:
    return sum((Decimal(str(line["amount"])) for line in office.done(task, "payments.refund")), Decimal(0))


async def siblings_of(task, count):
    return [await task.hand_off(f"spiffe://test.example/agent/sibling-{n}") for n in range(count)]


async def test_siblings_one_after_another_refund_no_more_than_the_task_may(visit, office):
    planner = await visit.agent()
    async with planner.task("Refund an order", scope=refunds(100)) as task:
        first, second, third, fourth = await siblings_of(task, 4)
        for sibling in (first, second, third):
            await visit.run(sibling, "payments.refund", order="o-17", amount=30)

        refused = await visit.refusal(fourth, "payments.refund", order="o-17", amount=30)
        assert (refused.reason, refused.link_index) == (Reason.BUDGET_EXCEEDED, 0)
        assert (refused.field, refused.parent) == ("payments.refund.amount", "10 of 100 in sum")
        refused = await visit.refusal(first, "payments.refund", order="o-17", amount=10.01)
        assert refused.reason is Reason.BUDGET_EXCEEDED
        await visit.run(fourth, "payments.refund", order="o-17", amount=10)
        assert paid(office, task) == 100


async def test_benign_siblings_that_together_stay_below_are_all_paid(visit, office):
    planner = await visit.agent()
    async with planner.task("Refund an order", scope=refunds(120)) as task:
        for sibling in await siblings_of(task, 4):
            await visit.run(sibling, "payments.refund", order="o-17", amount=30)
        assert paid(office, task) == 120


@pytest.mark.parametrize("amounts", [[20.01] * CALLERS, [0.01, 7.77, 49.99, 3.5] * 25], ids=["alike", "different"])
async def test_a_hundred_callers_at_once_never_exceed_it_by_a_cent(visit, office, amounts):
    planner = await visit.agent()
    async with planner.task("Refund an order", scope=refunds(200)) as task:
        siblings = await siblings_of(task, 10)
        results = await asyncio.gather(
            *(
                visit.call(siblings[n % 10], "payments.refund", order="o-17", amount=amount)
                for n, amount in enumerate(amounts)
            )
        )
        refusals = [refused for result in results if (refused := refusal_in(result)) is not None]
        assert {refused.reason for refused in refusals} == {Reason.BUDGET_EXCEEDED}
        assert len(office.done(task, "payments.refund")) == CALLERS - len(refusals)
        left = 200 - paid(office, task)
        assert 0 <= left < Decimal(str(max(amounts)))
        _, (link, *_) = await planner.lineage.get_task(task.task_id)
        assert {use.argument: Decimal(use.remaining) for use in link.uses} == {"amount": left}


async def test_benign_a_hundred_callers_within_it_are_all_paid(visit, office):
    planner = await visit.agent()
    async with planner.task("Refund an order", scope=refunds(2001)) as task:
        siblings = await siblings_of(task, 10)
        await asyncio.gather(
            *(visit.run(siblings[n % 10], "payments.refund", order="o-17", amount=20.01) for n in range(CALLERS))
        )
        assert paid(office, task) == 2001
        refused = await visit.refusal(task, "payments.refund", order="o-17", amount=0.01)
        assert refused.reason is Reason.BUDGET_EXCEEDED
