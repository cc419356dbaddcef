"""Who may do what is changed when a person has consented to exactly that change, and not before."""

from __future__ import annotations

import asyncio

from delegation.core.approval_request import ApprovalState
from delegation_sdk import Reason, Scope, any_call
from support.office import ANN

SCOPE = Scope(any_call("iam", "grant"), any_call("iam", "roles"))
CHANGE = {"who": "pat", "role": "auditor"}
DEADLINE_SECONDS = 60


async def approve_the_next(person, task_id):
    """Look until something waits, as a person does, and approve it."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (found := (await person.approvals.list(pending_only=True, task_id=task_id)).items):
            pass
        request = await person.approvals.get(found[0].request_id)
        return await person.approvals.answer(request, approve=True)


async def test_nobody_changes_who_may_do_what_by_itself(visit, office):
    planner = await visit.agent()
    async with planner.task("Let pat audit", scope=SCOPE) as task:
        worker = await task.hand_off("spiffe://test.example/agent/worker")
        for holding in (task, worker):
            refused = await visit.refusal(holding, "iam.grant", **CHANGE)
            assert (refused.reason, refused.field) == (Reason.APPROVAL_REQUIRED, "no-privilege-change")
        assert office.done(task, "iam.grant") == []


async def test_benign_a_change_that_a_person_consents_to_is_made(visit, office):
    planner, ann = await visit.agent(), await visit.client(ANN)
    async with planner.task("Let pat audit", scope=SCOPE) as task:
        await asyncio.gather(
            visit.run(task, "iam.grant", wait_for_approval="2m", **CHANGE), approve_the_next(ann, task.task_id)
        )
        assert office.done(task, "iam.grant") == [CHANGE]


async def test_a_change_that_a_person_refuses_is_not_made(visit, office):
    planner, ann = await visit.agent(), await visit.client(ANN)
    async with planner.task("Let pat audit", scope=SCOPE) as task:
        waiting = await visit.refusal(task, "iam.grant", **CHANGE)
        request = await ann.approvals.get(waiting.approval_request_id)
        await ann.approvals.answer(request, approve=False, justification="pat is no auditor")
        assert (await visit.refusal(task, "iam.grant", **CHANGE)).reason is Reason.APPROVAL_REQUIRED
        again = await planner.approvals.request(task, "iam", "grant", CHANGE)
        assert (again.request_id, again.state) == (request.request_id, ApprovalState.REFUSED)  # nobody else is asked
        assert office.done(task, "iam.grant") == []


async def test_benign_looking_at_roles_needs_nobody(visit, office):
    planner = await visit.agent()
    async with planner.task("See who audits", scope=SCOPE) as task:
        await visit.run(task, "iam.roles", who="pat")
        assert office.done(task, "iam.roles") == [{"who": "pat"}]
