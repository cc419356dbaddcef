"""A checkpoint is resumed: authority that was written down earlier is worth what it is worth now, not then."""

from __future__ import annotations

from delegation_sdk import Reason, Scope, any_call, at_most_calls, tool

SCOPE = Scope(any_call("docs", "search"), any_call("mail", "send"))
LETTER = {"to": "pat@elsewhere.example", "text": "As you asked: …"}


async def resumed(visit, office, checkpoint):
    """Go on elsewhere: with another connection, from nothing but the text that was written down."""
    return (await visit.client(office.new_agent())).load(checkpoint)


async def test_a_checkpoint_from_before_completion_is_worth_nothing_after_it(visit, office):
    planner = await visit.agent()
    async with planner.task("Send a letter", scope=SCOPE) as task:
        worker = await task.hand_off("spiffe://test.example/agent/worker")
        checkpoints = [task.export_with_key(), worker.export_with_key()]

    for checkpoint in checkpoints:
        stale = await resumed(visit, office, checkpoint)
        assert (await visit.refusal(stale, "mail.send", **LETTER)).reason is Reason.TASK_ENDED
    assert office.done(task, "mail.send") == []


async def test_a_checkpoint_from_before_a_revocation_is_worth_nothing_after_it(visit, office):
    planner = await visit.agent()
    async with planner.task("Send a letter", scope=SCOPE) as task:
        worker = await task.hand_off("spiffe://test.example/agent/worker")
        stale, kept = worker.export_with_key(), task.export_with_key()
        await task.revoke(worker, justification="it went astray")

        refused = await visit.refusal(await resumed(visit, office, stale), "mail.send", **LETTER)
        assert refused.reason is Reason.LINK_REVOKED
        assert office.done(task, "mail.send") == []
        await visit.run(await resumed(visit, office, kept), "mail.send", **LETTER)  # what was not revoked


async def test_a_checkpoint_refills_nothing(visit, office):
    planner = await visit.agent()
    once = Scope(tool("mail", "send", at_most_calls(1), **LETTER))
    async with planner.task("Send a letter", scope=once) as task:
        checkpoint = task.export_with_key()
        await visit.run(task, "mail.send", **LETTER)
        again = await resumed(visit, office, checkpoint)
        assert (await visit.refusal(again, "mail.send", **LETTER)).reason is Reason.CALLS_EXHAUSTED
        assert office.done(task, "mail.send") == [LETTER]


async def test_a_checkpoint_from_before_something_was_read_forgets_nothing(visit, office):
    planner = await visit.agent()
    scope = Scope(any_call("docs", "read"), any_call("mail", "send"))
    async with planner.task("Send a letter", scope=scope) as task:
        checkpoint = task.export_with_key()
        await visit.run(task, "docs.read", name="ann")
        again = await resumed(visit, office, checkpoint)
        assert (await visit.refusal(again, "mail.send", **LETTER)).reason is Reason.APPROVAL_REQUIRED


async def test_benign_a_checkpoint_of_a_running_task_goes_on(visit, office):
    planner = await visit.agent()
    async with planner.task("Send a letter", scope=SCOPE) as task:
        worker = await task.hand_off("spiffe://test.example/agent/worker")
        again = await resumed(visit, office, worker.export_with_key())
        await visit.run(again, "docs.search", words="hours")
        await visit.run(again, "mail.send", **LETTER)
        assert office.done(task, "mail.send") == [LETTER]
