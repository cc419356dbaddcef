"""Read, then leak: one agent reads what is personal, its sibling mails. Neither alone does what it must not."""

from __future__ import annotations

from delegation_sdk import Reason, Scope, any_call

READ, SEARCH, SEND = any_call("docs", "read"), any_call("docs", "search"), any_call("mail", "send")
LETTER = {"to": "pat@elsewhere.example", "text": "As you asked: …"}
READER, SENDER = "spiffe://test.example/agent/reader", "spiffe://test.example/agent/sender"


async def test_what_one_agent_read_its_sibling_does_not_mail(visit, office):
    planner = await visit.agent()
    async with planner.task("Answer a customer", scope=Scope(READ, SEND)) as task:
        reader = await task.hand_off(READER, scope=Scope(READ))
        sender = await task.hand_off(SENDER, scope=Scope(SEND))
        assert "Elm Street" in await visit.run(reader, "docs.read", name="ann")

        refused = await visit.refusal(sender, "mail.send", **LETTER)
        assert (refused.reason, refused.field) == (Reason.APPROVAL_REQUIRED, "no-leak")
        assert office.done(task, "mail.send") == []


async def test_nor_does_an_agent_below_the_sibling_nor_the_one_above_both(visit, office):
    planner = await visit.agent()
    async with planner.task("Answer a customer", scope=Scope(READ, SEND)) as task:
        reader = await task.hand_off(READER, scope=Scope(READ))
        sender = await task.hand_off(SENDER, scope=Scope(SEND))
        below = await sender.hand_off("spiffe://test.example/agent/below")
        await visit.run(reader, "docs.read", name="ann")

        for holding in (below, task):
            assert (await visit.refusal(holding, "mail.send", **LETTER)).reason is Reason.APPROVAL_REQUIRED
        assert office.done(task, "mail.send") == []


async def test_benign_what_was_published_is_mailed(visit, office):
    planner = await visit.agent()
    async with planner.task("Answer a customer", scope=Scope(SEARCH, SEND)) as task:
        reader = await task.hand_off(READER, scope=Scope(SEARCH))
        sender = await task.hand_off(SENDER, scope=Scope(SEND))
        await visit.run(reader, "docs.search", words="hours")
        await visit.run(sender, "mail.send", **LETTER)
        assert office.done(task, "mail.send") == [LETTER]


async def test_benign_the_mail_goes_out_before_anything_personal_was_read(visit, office):
    planner = await visit.agent()
    async with planner.task("Answer a customer", scope=Scope(READ, SEND)) as task:
        reader = await task.hand_off(READER, scope=Scope(READ))
        sender = await task.hand_off(SENDER, scope=Scope(SEND))
        await visit.run(sender, "mail.send", **LETTER)
        await visit.run(reader, "docs.read", name="ann")
        assert office.done(task, "mail.send") == [LETTER]
