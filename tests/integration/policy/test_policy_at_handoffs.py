"""The operator's policy where scopes are given: granted, granted anew, handed on, and handed on without the service."""

from __future__ import annotations

import pytest

from delegation.core.scope import SERVICE_AUDIENCE, Scope, any_call
from delegation.errors import PolicyDenied, Reason
from delegation.service.policy_rules import PolicyRules
from delegation.wire.renewals import RenewRequest, read_replaced, renew_request_message
from integration.policy.conftest import PERMIT
from support.caller import GuardRecords, Holding, decided, new_key

READ, SEND, DOCS = any_call("crm", "read"), any_call("mail", "send"), any_call("docs", "read")
APART = (
    PERMIT
    + '@id("apart") forbid (principal, action in [Action::"grant", Action::"handOff"], resource == Tool::"mail.send")'
    + ' when { context.scope.contains("crm.read") };\n'
)
HAND_OFFS = (
    PERMIT
    + '@id("no-mail-below") forbid (principal, action == Action::"handOff", resource == Tool::"mail.send")'
    + ' when { context.taskLabels.contains("personal") };\n'
)


@pytest.mark.spec("A-26")
def test_what_is_kept_apart_is_granted_and_handed_on_apart(start):
    ruled = start(APART)
    planner = ruled.as_("agent/planner")
    with pytest.raises(PolicyDenied) as refused:
        planner.grant(READ, SEND)
    assert (refused.value.reason, refused.value.field) == (Reason.POLICY_DENIED, "apart")
    assert refused.value.detail == "mail.send: forbidden by apart"
    task = planner.grant(READ, DOCS)
    other = planner.grant(SEND, DOCS)
    assert planner.hand_off(task, "agent/reader")
    assert planner.hand_off(other, "agent/sender")


@pytest.mark.spec("A-26")
def test_a_handoff_is_refused_for_what_the_task_has_read(start):
    ruled = start(HAND_OFFS)
    planner, tool = ruled.as_("agent/planner"), ruled.as_("tool/all")
    task = planner.grant(READ, SEND, DOCS)
    assert planner.hand_off(task, "agent/sender")  # nothing was read yet
    assert tool.decide(task, "crm", "read", {}).refusal is None
    with pytest.raises(PolicyDenied) as refused:
        planner.hand_off(task, "agent/other")
    assert (refused.value.reason, refused.value.link_index, refused.value.field) == (
        Reason.POLICY_DENIED,
        1,
        "no-mail-below",
    )
    assert planner.hand_off(task, "agent/other", scope=Scope(READ, DOCS))


def test_a_grant_that_would_be_refused_by_now_is_not_renewed(start):
    ruled = start(PERMIT)
    planner = ruled.as_("agent/planner")
    task, benign = planner.grant(READ, SEND), planner.grant(SEND)
    ruled.write(APART)
    ruled.until(lambda: ruled.version == 2)
    with pytest.raises(PolicyDenied):
        renew(planner, task)
    assert renew(planner, benign)


@pytest.mark.spec("A-26")
def test_a_handoff_that_is_recorded_late_and_refused_ends_there(start):
    ruled = start(APART)
    planner, tool = ruled.as_("agent/planner"), ruled.as_("tool/all")
    guard = GuardRecords(new_key())
    ruled.write(PERMIT)
    ruled.until(lambda: ruled.version == 2)
    task = planner.grant(READ, SEND, DOCS, unrecorded_handoffs=True)  # as it was permitted then
    ruled.write(APART + "// again")
    ruled.until(lambda: ruled.version == 3)
    both = task.child("agent/both")
    below = both.child("agent/below", scope=Scope(DOCS))
    apart = task.child("agent/apart", scope=Scope(READ, DOCS))
    for holding in (below, apart):
        tool.record_decisions(guard.batch(decided(holding, "docs", "read", {})), [holding.token])
    _, links = ruled.as_("developer").task(task.task_id)
    assert {link.index: link.revoked for link in links if link.link_id != apart.leaf.link_id} == {
        0: False,
        1: True,
        2: True,
    }
    for holding in (both, below):
        assert tool.decide(holding, "docs", "read", {}).refusal.reason is Reason.LINK_REVOKED
    assert tool.decide(apart, "docs", "read", {}).refusal is None


@pytest.mark.spec("A-26")
def test_a_handoff_that_the_service_was_never_told_of_is_judged_when_a_call_comes_by_it(start):
    ruled = start(HAND_OFFS)
    planner, tool = ruled.as_("agent/planner"), ruled.as_("tool/all")
    task = planner.grant(READ, SEND, DOCS, unrecorded_handoffs=True)
    offline = task.child("agent/offline")
    assert tool.decide(offline, "mail", "send", {}).refusal is None  # nothing was read yet
    assert tool.decide(offline, "crm", "read", {}).refusal is None
    decision = tool.decide(offline, "mail", "send", {})
    refused = decision.refusal
    assert (refused.reason, refused.link_index, refused.field) == (Reason.POLICY_DENIED, 1, "no-mail-below")
    assert ruled.as_("developer").explain(decision.call_id).call.rules == ("no-mail-below",)
    assert tool.decide(offline, "docs", "read", {}).refusal is None
    assert tool.decide(task, "mail", "send", {}).refusal is None  # the grant itself is no handoff


def test_handoffs_that_share_what_comes_before_are_asked_about_once(start):
    ruled = start(HAND_OFFS)
    planner = ruled.as_("agent/planner")
    task = planner.grant(SEND, DOCS, unrecorded_handoffs=True, max_depth=30)
    asked = []
    policy = ruled.rules.policy
    decide = policy.decide
    policy.decide = lambda question: asked.append(question) or decide(question)
    shared = task
    for n in range(20):
        shared = shared.child(f"agent/shared-{n}")
    planner.record(*(shared.child(f"agent/sibling-{n}") for n in range(10)))
    assert len(asked) == 30  # of two tools, one that the rules say something about


def test_more_questions_than_a_request_may_cause_are_a_refusal(start, monkeypatch):
    ruled = start(HAND_OFFS)
    planner = ruled.as_("agent/planner")
    task = planner.grant(SEND, DOCS)
    monkeypatch.setattr(PolicyRules, "scope_questions", 2)
    with pytest.raises(PolicyDenied, match="give fewer at a time"):
        planner.record(*(task.child(f"agent/{n}") for n in range(3)))
    assert planner.record(*(task.child(f"agent/{n}") for n in range(2)))


def test_rules_that_cannot_be_asked_refuse_what_is_given(start, monkeypatch):
    ruled = start(APART)
    planner = ruled.as_("agent/planner")
    monkeypatch.setattr(type(ruled.rules.policy), "concern", _fails)
    with pytest.raises(Exception, match="internal"):
        planner.grant(SEND)
    monkeypatch.undo()
    assert planner.grant(SEND)


def renew(caller, task):
    proof = task.proof(SERVICE_AUDIENCE, "renew", {"task_id": task.task_id.hex()})
    message = renew_request_message(RenewRequest(task.task_id, proof))
    return Holding(read_replaced(caller.ask(caller.delegation.Renew, message)).token, task.key, task.task_id)


def _fails(*_, **__):
    raise RuntimeError("a defect")
