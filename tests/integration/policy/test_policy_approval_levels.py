"""A rule that takes people's own signatures; and a catalogue that has changed since people consented."""

from __future__ import annotations

import secrets

import pytest

from delegation.core.approval import ApprovalLevel
from delegation.core.approval_request import ApprovalState
from delegation.core.keys import SigningKey
from delegation.core.scope import any_call
from delegation.errors import PermissionDenied, Reason
from delegation_sdk import Client
from delegation_sdk.delegation import Delegation
from integration.policy.conftest import PERMIT, TOOLS
from support.server import identity

ANNS = SigningKey.generate(secrets.token_bytes)
ANN, CY = "person/ann", "person/cy"
PEOPLE = [identity(ANN, "approver", approval_keys=[ANNS.public.hex()]), identity(CY, "approver")]
SEND = any_call("mail", "send")
FORBID = 'forbid (principal, action == Action::"call", resource == Tool::"mail.send");\n'
SIGNED = PERMIT + '@id("mail") @obligation("approve") @approval_level("signed") ' + FORBID
ATTESTED = PERMIT + '@id("mail") @obligation("approve") ' + FORBID


@pytest.fixture
def connected():
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


@pytest.mark.spec("A-34")
def test_where_a_rule_takes_signatures_the_services_word_for_somebody_is_none(start, connected):
    ruled = start(SIGNED, people=PEOPLE)
    task = ruled.as_("agent/planner").grant(SEND)
    refused = send(ruled, task)
    assert refused.reason is Reason.APPROVAL_REQUIRED
    assert "key of their own" in refused.detail
    request = asked(connected(ruled, "agent/planner"), task)
    assert [demand.level for demand in request.demands] == [ApprovalLevel.SIGNED]
    with pytest.raises(PermissionDenied, match="make-key"):
        connected(ruled, CY).approvals.answer(request, approve=True)
    assert send(ruled, task).reason is Reason.APPROVAL_REQUIRED
    after = connected(ruled, ANN).approvals.answer(request, approve=True, key=ANNS)
    assert (after.state, after.answers[0].level) == (ApprovalState.APPROVED, ApprovalLevel.SIGNED)
    assert send(ruled, task) is None


@pytest.mark.spec("A-34")
def test_who_has_no_key_can_refuse_what_takes_signatures(start, connected):
    ruled = start(SIGNED, people=PEOPLE)
    task = ruled.as_("agent/planner").grant(SEND)
    request = asked(connected(ruled, "agent/planner"), task)
    assert connected(ruled, CY).approvals.answer(request, approve=False).state is ApprovalState.REFUSED


@pytest.mark.spec("A-34")
def test_a_signature_is_enough_where_the_services_word_is(start, connected):
    ruled = start(ATTESTED, people=PEOPLE)
    task = ruled.as_("agent/planner").grant(SEND)
    request = asked(connected(ruled, "agent/planner"), task)
    assert connected(ruled, ANN).approvals.answer(request, approve=True, key=ANNS).state is ApprovalState.APPROVED
    assert send(ruled, task) is None


@pytest.mark.spec("A-23")
def test_another_catalogue_wants_to_be_asked_anew(start, connected, tmp_path):
    ruled = start(ATTESTED, people=PEOPLE)
    task = ruled.as_("agent/planner").grant(SEND)
    planner, cy = connected(ruled, "agent/planner"), connected(ruled, CY)
    before = asked(planner, task)
    assert cy.approvals.answer(before, approve=True).state is ApprovalState.APPROVED
    ruled.stop()
    of_mail = 'owner = "team-mail"\neffects = ["external"'
    riskier = TOOLS.replace(of_mail, of_mail + ', "destructive"')
    assert riskier != TOOLS
    ruled = start(ATTESTED, people=PEOPLE, tools=riskier)
    assert send(ruled, task).reason is Reason.APPROVAL_REQUIRED
    after = asked(connected(ruled, "agent/planner"), task)
    assert after.request_id != before.request_id
    assert connected(ruled, CY).approvals.answer(after, approve=True).state is ApprovalState.APPROVED
    assert send(ruled, task) is None
