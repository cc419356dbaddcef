"""An approval is consent to one call, once: not to the next, nor to another, nor by the asker or by just anybody."""

from __future__ import annotations

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.errors import NotFound, PermissionDenied
from delegation_sdk import Reason, Scope, any_call, anything, approved_by, tool
from support.office import ANN, BEN, OLGA
from support.server import DEVELOPER, spiffe_id

SCOPE = Scope(any_call("iam", "grant"))
CHANGE, OTHER = {"who": "pat", "role": "auditor"}, {"who": "pat", "role": "administrator"}


async def asked(client, holding, arguments=CHANGE):
    """Ask for the approval of a change."""
    request = await client.approvals.request(holding, "iam", "grant", arguments)
    assert request is not None
    return request


async def approve(person, request):
    return await person.approvals.answer(request, approve=True)


async def needs_approval(visit, holding, arguments=CHANGE):
    return (await visit.refusal(holding, "iam.grant", **arguments)).reason is Reason.APPROVAL_REQUIRED


async def test_an_approval_is_used_once(visit, office):
    planner, ann = await visit.agent(), await visit.client(ANN)
    async with planner.task("Let pat audit", scope=SCOPE) as task:
        request = await asked(planner, task)
        assert (await approve(ann, request)).state is ApprovalState.APPROVED
        await visit.run(task, "iam.grant", **CHANGE)

        assert await needs_approval(visit, task)
        assert (await approve(ann, request)).state is ApprovalState.USED
        assert await needs_approval(visit, task)
        assert office.done(task, "iam.grant") == [CHANGE]


async def test_benign_what_is_approved_anew_is_done_again(visit, office):
    planner, ann = await visit.agent(), await visit.client(ANN)
    async with planner.task("Let pat audit", scope=SCOPE) as task:
        for _ in range(2):
            await approve(ann, await asked(planner, task))
            await visit.run(task, "iam.grant", **CHANGE)
        assert office.done(task, "iam.grant") == [CHANGE, CHANGE]


async def test_an_approval_is_for_no_other_arguments_and_for_nobody_elses_chain(visit, office):
    planner, ann = await visit.agent(), await visit.client(ANN)
    async with planner.task("Let pat audit", scope=SCOPE) as task:
        sibling = await task.hand_off("spiffe://test.example/agent/sibling")
        await approve(ann, await asked(planner, task))

        assert await needs_approval(visit, task, OTHER)
        assert await needs_approval(visit, task, {**CHANGE, "who": "Pat"})
        assert await needs_approval(visit, sibling)
        assert office.done(task, "iam.grant") == []
        await visit.run(task, "iam.grant", **CHANGE)  # the benign twin: what was approved, by whom it was asked for


async def test_who_has_asked_does_not_approve(visit, office):
    asking, ann = await visit.client(DEVELOPER), await visit.client(ANN)  # who may approve, too
    async with asking.task("Let pat audit", scope=SCOPE) as task:
        request = await asked(asking, task)
        with pytest.raises((PermissionDenied, NotFound)):
            await approve(asking, request)
        assert await needs_approval(visit, task)
        await approve(ann, request)  # the benign twin: somebody else
        await visit.run(task, "iam.grant", **CHANGE)


async def test_who_may_not_approve_does_not(visit, office):
    planner, ann, ben, olga = await visit.agent(), *[await visit.client(each) for each in (ANN, BEN, OLGA)]
    by_ann = Scope(tool("iam", "grant", approved_by(spiffe_id(ANN)), who=anything(), role=anything()))
    async with planner.task("Let pat audit", scope=by_ann) as task:
        request = await asked(planner, task)
        for person in (olga, planner, await visit.agent()):  # an operator and agents: no approvers
            with pytest.raises((PermissionDenied, NotFound)):
                await approve(person, request)
        assert await needs_approval(visit, task)

        # Ben is an approver, and enough for the policy; the task's own condition names Ann.
        assert (await approve(ben, request)).state is ApprovalState.PENDING
        assert await needs_approval(visit, task)
        assert (await approve(ann, request)).state is ApprovalState.APPROVED
        await visit.run(task, "iam.grant", **CHANGE)
        assert office.done(task, "iam.grant") == [CHANGE]
