"""One agent, two tasks at once, from planners that do not know of each other: it reads in one, mails in the other."""

from __future__ import annotations

import asyncio

from delegation_sdk import Reason, Scope, any_call

READ, SEND = any_call("docs", "read"), any_call("mail", "send")
LETTER = {"to": "pat@elsewhere.example", "text": "As you asked: …"}
DEADLINE_SECONDS = 30


async def received(worker, planner, task):
    """Hand a task on to a worker elsewhere, by a key of its own; give what the worker then holds."""
    async with worker.listen() as work:
        waiting = asyncio.create_task(anext(work))
        await asyncio.sleep(0)
        await task.hand_off(worker.agent, offer=await planner.request_offer(worker.agent))
        return await asyncio.wait_for(waiting, DEADLINE_SECONDS)


async def test_what_an_agent_reads_in_one_task_it_does_not_mail_in_the_other(visit, office):
    support, marketing, worker = [await visit.agent() for _ in range(3)]
    async with (
        support.task("Answer a customer", scope=Scope(READ)) as answering,
        marketing.task("Send the newsletter", scope=Scope(SEND)) as mailing,
    ):
        to_read = await received(worker, support, answering)
        to_send = await received(worker, marketing, mailing)
        await visit.run(to_read, "docs.read", name="ann")

        refused = await visit.refusal(to_send, "mail.send", **LETTER)
        assert (refused.reason, refused.field) == (Reason.APPROVAL_REQUIRED, "no-leak")
        assert office.done(mailing, "mail.send") == []


async def test_nor_where_it_began_both_by_itself(visit, office):
    clerk = await visit.agent()
    async with (
        clerk.task("Answer a customer", scope=Scope(READ)) as answering,
        clerk.task("Send the newsletter", scope=Scope(SEND)) as mailing,
    ):
        await visit.run(mailing, "mail.send", **LETTER)
        await visit.run(answering, "docs.read", name="ann")
        assert (await visit.refusal(mailing, "mail.send", **LETTER)).reason is Reason.APPROVAL_REQUIRED
        assert office.done(mailing, "mail.send") == [LETTER]


async def test_benign_two_agents_have_a_task_each(visit, office):
    support, marketing, reader, sender = [await visit.agent() for _ in range(4)]
    async with (
        support.task("Answer a customer", scope=Scope(READ)) as answering,
        marketing.task("Send the newsletter", scope=Scope(SEND)) as mailing,
    ):
        to_read = await received(reader, support, answering)
        to_send = await received(sender, marketing, mailing)
        await visit.run(to_read, "docs.read", name="ann")
        await visit.run(to_send, "mail.send", **LETTER)
        assert office.done(mailing, "mail.send") == [LETTER]
