"""What the policy lets people consent to, at a running service; each refusal with its benign twin."""

from __future__ import annotations

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.core.scope import any_call
from delegation.errors import PermissionDenied, PolicyDenied, Reason
from delegation_sdk import Client
from delegation_sdk.delegation import Delegation
from integration.policy.conftest import PERMIT, TOOLS
from support.server import spiffe_id

READ, SEND = any_call("crm", "read"), any_call("mail", "send")
FORBID = 'forbid (principal, action == Action::"call", resource == Tool::"mail.send");\n'
BY_SOMEBODY = '@id("mail") @obligation("approve") {} ' + FORBID


@pytest.fixture
def connected():
    """`connected(ruled, "developer")` is an SDK client; all are closed in the end."""
    clients = []

    def connect(ruled, path):
        clients.append(Client.connect(ruled.server.profile(path)))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def send(ruled, holding):
    return ruled.as_("tool/all").decide(holding, "mail", "send", {"to": "ann"}).refusal


def asked(client, holding):
    return client.approvals.request(Delegation(holding.token, holding.key), "mail", "send", {"to": "ann"})


@pytest.mark.spec("A-20", "A-23")
def test_what_was_read_is_sent_out_once_where_a_person_consents(start, connected):
    ruled = start()
    task = ruled.as_("agent/planner").grant(READ, SEND)
    planner, person = connected(ruled, "agent/planner"), connected(ruled, "developer")
    assert asked(planner, task) is None
    assert ruled.as_("tool/all").decide(task, "crm", "read", {}).refusal is None
    assert send(ruled, task).reason is Reason.APPROVAL_REQUIRED
    request = asked(planner, task)
    assert request.policy_digest == ruled.rules.approval_digest
    assert [(demand.approvers, demand.link_index) for demand in request.demands] == [((), None)]
    assert person.approvals.answer(request, approve=True).state is ApprovalState.APPROVED
    assert send(ruled, task) is None
    assert send(ruled, task).reason is Reason.APPROVAL_REQUIRED


@pytest.mark.spec("A-24")
def test_only_whom_the_policy_names_consents(start, connected):
    names = f'@approvers("{spiffe_id("person/somebody")}, {spiffe_id("person/else")}")'
    ruled = start(PERMIT + BY_SOMEBODY.format(names))
    task = ruled.as_("agent/planner").grant(SEND)
    planner, person = connected(ruled, "agent/planner"), connected(ruled, "developer")
    with pytest.raises(PermissionDenied):
        person.approvals.answer(asked(planner, task), approve=True)
    assert send(ruled, task).reason is Reason.APPROVAL_REQUIRED


def test_nobody_is_asked_about_what_the_policy_forbids_anyway(start, connected):
    ruled = start(PERMIT + BY_SOMEBODY.format("") + '@id("never") ' + FORBID)
    task = ruled.as_("agent/planner").grant(SEND)
    with pytest.raises(PolicyDenied):
        asked(connected(ruled, "agent/planner"), task)


@pytest.mark.spec("A-23")
def test_another_policy_wants_to_be_asked_anew(start, connected):
    ruled = start(PERMIT + BY_SOMEBODY.format(""))
    task = ruled.as_("agent/planner").grant(SEND)
    planner, person = connected(ruled, "agent/planner"), connected(ruled, "developer")
    before = asked(planner, task)
    assert person.approvals.answer(before, approve=True).state is ApprovalState.APPROVED
    version = ruled.version
    ruled.write("// the same, and yet another text\n" + PERMIT + BY_SOMEBODY.format(""))
    ruled.until(lambda: ruled.version > version)
    assert send(ruled, task).reason is Reason.APPROVAL_REQUIRED
    after = asked(planner, task)
    assert after.request_id != before.request_id
    assert person.approvals.answer(after, approve=True).state is ApprovalState.APPROVED
    assert send(ruled, task) is None


@pytest.mark.spec("A-23")
def test_consent_to_one_rule_is_none_to_another_that_forbids_the_call_since(start, connected):
    tools = TOOLS + '[[tool]]\naudience = "ops"\nname = "invite"\nowner = "t"\neffects = ["external", "privilege"]\n'
    ruled = start(tools=tools)
    task = ruled.as_("agent/planner").grant(READ, any_call("ops", "invite"))
    planner, person = connected(ruled, "agent/planner"), connected(ruled, "developer")

    def request():
        return planner.approvals.request(Delegation(task.token, task.key), "ops", "invite", {})

    def invites():
        return ruled.as_("tool/all").decide(task, "ops", "invite", {}).refusal is None

    before = request()
    assert [demand.rule for demand in before.demands] == ["no-privilege-change"]
    assert person.approvals.answer(before, approve=True).state is ApprovalState.APPROVED
    assert ruled.as_("tool/all").decide(task, "crm", "read", {}).refusal is None
    assert not invites()
    after = request()
    assert {demand.rule for demand in after.demands} == {"no-leak", "no-privilege-change"}
    assert person.approvals.answer(after, approve=True).state is ApprovalState.APPROVED
    assert invites()
