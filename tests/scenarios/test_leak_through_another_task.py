"""Read in one task, leak in the next: what an agent has read sticks to it when the task is over."""

from __future__ import annotations

from delegation_sdk import Reason, Scope, any_call

READ, SEARCH, SEND = any_call("docs", "read"), any_call("docs", "search"), any_call("mail", "send")
LETTER = {"to": "pat@elsewhere.example", "text": "As you asked: …"}


async def test_what_an_agent_read_it_does_not_mail_in_its_next_task(visit, office):
    clerk = await visit.agent()
    async with clerk.task("Look a customer up", scope=Scope(READ)) as task:
        await visit.run(task, "docs.read", name="ann")

    async with clerk.task("Send the newsletter", scope=Scope(SEND)) as task:
        refused = await visit.refusal(task, "mail.send", **LETTER)
        assert (refused.reason, refused.field) == (Reason.APPROVAL_REQUIRED, "no-leak")
        assert office.done(task, "mail.send") == []


async def test_nor_does_an_agent_to_whom_it_hands_that_task(visit, office):
    clerk = await visit.agent()
    async with clerk.task("Look a customer up", scope=Scope(READ)) as task:
        await visit.run(task, "docs.read", name="ann")

    async with clerk.task("Send the newsletter", scope=Scope(SEND)) as task:
        sender = await task.hand_off(f"spiffe://test.example/{office.new_agent()}")
        assert (await visit.refusal(sender, "mail.send", **LETTER)).reason is Reason.APPROVAL_REQUIRED
        assert office.done(task, "mail.send") == []


async def test_nor_in_a_task_that_was_begun_under_the_same_name_by_another_connection(visit, office):
    name = office.new_agent()
    first, again = await visit.client(name), await visit.client(name)
    async with first.task("Look a customer up", scope=Scope(READ)) as task:
        await visit.run(task, "docs.read", name="ann")

    async with again.task("Send the newsletter", scope=Scope(SEND)) as task:
        assert (await visit.refusal(task, "mail.send", **LETTER)).reason is Reason.APPROVAL_REQUIRED


async def test_benign_an_agent_that_read_what_was_published_mails_in_its_next_task(visit, office):
    clerk = await visit.agent()
    async with clerk.task("Look the hours up", scope=Scope(SEARCH)) as task:
        await visit.run(task, "docs.search", words="hours")

    async with clerk.task("Send the newsletter", scope=Scope(SEND)) as task:
        await visit.run(task, "mail.send", **LETTER)
        assert office.done(task, "mail.send") == [LETTER]


async def test_benign_another_agent_mails_meanwhile(visit, office):
    clerk, other = await visit.agent(), await visit.agent()
    async with clerk.task("Look a customer up", scope=Scope(READ)) as task:
        await visit.run(task, "docs.read", name="ann")

    async with other.task("Send the newsletter", scope=Scope(SEND)) as task:
        await visit.run(task, "mail.send", **LETTER)
        assert office.done(task, "mail.send") == [LETTER]
