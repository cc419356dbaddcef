"""The operator's policy at a running service, over the whole tree of a task; each refusal with its benign twin."""

from __future__ import annotations

import pytest

from delegation.core.scope import any_call
from delegation.errors import Reason, StorageError
from integration.policy.conftest import PERMIT

READ, SEND, DOCS, ROLE = (
    any_call("crm", "read"),
    any_call("mail", "send"),
    any_call("docs", "read"),
    any_call("iam", "add_role"),
)
TEST, DEPLOY = any_call("ci", "test"), any_call("ci", "deploy")


def ask(ruled, holding, tool, **arguments):
    audience, _, name = tool.partition(".")
    return ruled.as_("tool/all").decide(holding, audience, name, arguments)


def explained(ruled, decision):
    return ruled.as_("developer").explain(decision.call_id).call


@pytest.mark.spec("A-20", "A-21")
def test_what_one_agent_read_no_sibling_sends_out(start):
    ruled = start()
    planner = ruled.as_("agent/planner")
    task = planner.grant(READ, SEND, DOCS)
    reader, sender = planner.hand_off(task, "agent/reader"), planner.hand_off(task, "agent/sender")
    assert ask(ruled, sender, "mail.send").refusal is None
    assert ask(ruled, reader, "crm.read").refusal is None
    decision = ask(ruled, sender, "mail.send")
    assert (decision.refusal.reason, decision.refusal.field) == (Reason.APPROVAL_REQUIRED, "no-leak")
    assert decision.refusal.detail == "no-leak: 1 person consents"
    call = explained(ruled, decision)
    assert (call.refusal.reason, call.rules, call.policy_digest) == (
        Reason.APPROVAL_REQUIRED,
        ("no-leak",),
        ruled.rules.digest,
    )
    assert ask(ruled, sender, "docs.read").refusal is None  # what stays inside goes on


def test_a_sibling_sends_what_it_likes_while_nothing_personal_was_read(start):
    ruled = start()
    planner = ruled.as_("agent/planner")
    task = planner.grant(READ, SEND, DOCS)
    reader, sender = planner.hand_off(task, "agent/reader"), planner.hand_off(task, "agent/sender")
    assert ask(ruled, reader, "docs.read").refusal is None
    decision = ask(ruled, sender, "mail.send")
    assert decision.refusal is None
    call = explained(ruled, decision)
    assert (call.rules, call.policy_digest) == ((), ruled.rules.digest)
    assert call.catalogue_digest == ruled.rules.catalogue_digest != b""


def test_what_an_agent_read_in_one_task_it_does_not_send_out_in_another(start):
    ruled = start()
    planner = ruled.as_("agent/planner")
    first, second = planner.grant(READ), planner.grant(SEND)
    assert ask(ruled, first, "crm.read").refusal is None
    assert ask(ruled, second, "mail.send").refusal.reason is Reason.APPROVAL_REQUIRED
    other = ruled.as_("agent/other").grant(SEND)  # who has not read it
    assert ask(ruled, other, "mail.send").refusal is None


def test_nobody_changes_who_may_do_what(start):
    ruled = start()
    task = ruled.as_("agent/planner").grant(ROLE, TEST)
    assert ask(ruled, task, "iam.add_role").refusal.reason is Reason.APPROVAL_REQUIRED
    assert ask(ruled, task, "ci.test").refusal is None


def test_what_has_to_come_before_has_to_come_before(start):
    ruled = start(
        PERMIT
        + '@id("tests-first") forbid (principal, action == Action::"call", resource == Tool::"ci.deploy")'
        + ' unless { context.taskTools.contains("ci.test") };'
    )
    planner = ruled.as_("agent/planner")
    task = planner.grant(TEST, DEPLOY)
    builder, deployer = planner.hand_off(task, "agent/builder"), planner.hand_off(task, "agent/deployer")
    refused = ask(ruled, deployer, "ci.deploy").refusal
    assert (refused.reason, refused.field, refused.detail) == (
        Reason.POLICY_DENIED,
        "tests-first",
        "forbidden by tests-first",
    )
    assert ask(ruled, builder, "ci.test").refusal is None
    assert ask(ruled, deployer, "ci.deploy").refusal is None


def test_denials_count(start):
    ruled = start(
        PERMIT
        + '@id("enough") forbid (principal, action == Action::"call", resource == Tool::"mail.send")'
        + " when { context.taskDenials >= 2 };"
    )
    task = ruled.as_("agent/planner").grant(SEND)
    for _ in range(2):
        assert ask(ruled, task, "docs.read").refusal.reason is Reason.TOOL_NOT_PERMITTED
    assert ask(ruled, task, "mail.send").refusal.reason is Reason.POLICY_DENIED
    fresh = ruled.as_("agent/planner").grant(SEND)
    assert ask(ruled, fresh, "mail.send").refusal is None


def test_a_rule_reads_who_answers_for_the_agent(start):
    ruled = start(
        PERMIT
        + '@id("owned") forbid (principal, action == Action::"call", resource == Tool::"mail.send")'
        + ' unless { context.agentOwner == "tests" };'
    )
    assert ask(ruled, ruled.as_("agent/owned").grant(SEND), "mail.send").refusal is None
    assert ask(ruled, ruled.as_("agent/nobodys").grant(SEND), "mail.send").refusal.reason is Reason.POLICY_DENIED


@pytest.mark.spec("A-20")
def test_an_argument_that_a_rule_cannot_hold_exactly_is_denied(start):
    ruled = start(
        PERMIT
        + '@id("small") @arguments("amount: decimal")'
        + ' forbid (principal, action == Action::"call", resource == Tool::"mail.send")'
        + ' unless { context.arguments has amount && context.arguments.amount.lessThan(decimal("10.0")) };'
    )
    task = ruled.as_("agent/planner").grant(SEND)
    assert ask(ruled, task, "mail.send", amount=9.5).refusal is None
    for amount in (10, 0.00001, "nine"):
        refused = ask(ruled, task, "mail.send", amount=amount).refusal
        assert (refused.reason, refused.field) == (Reason.POLICY_DENIED, "small")


@pytest.mark.spec("A-20")
def test_an_engine_that_fails_denies_and_so_does_whatever_else_goes_wrong(start, monkeypatch):
    ruled = start()
    task = ruled.as_("agent/planner").grant(READ, SEND)
    rules = ruled.rules
    monkeypatch.setattr(type(rules.policy), "_answer", _fails)
    refused = ask(ruled, task, "mail.send").refusal
    assert (refused.reason, refused.detail) == (Reason.POLICY_DENIED, "the policy engine failed")
    monkeypatch.setattr(type(rules.policy), "decide", _fails)
    assert ask(ruled, task, "mail.send").refusal.reason is Reason.INTERNAL
    monkeypatch.undo()
    assert ask(ruled, task, "mail.send").refusal is None


def test_a_database_that_does_not_answer_permits_nothing(start, monkeypatch):
    ruled = start(
        PERMIT
        + '@id("owned") forbid (principal, action == Action::"call", resource == Tool::"mail.send")'
        + ' unless { context.agentOwner == "" };'
    )
    task = ruled.as_("agent/planner").grant(SEND, DOCS)
    storage = type(ruled.server.application._storage)
    for asked in ("agent", "decide_in_session"):
        with monkeypatch.context() as patched:
            patched.setattr(storage, asked, _away)
            with pytest.raises(StorageError):
                ask(ruled, task, "mail.send")
            assert ask(ruled, task, "docs.read").refusal is None  # no rule is about it
    assert ask(ruled, task, "mail.send").refusal is None


async def _away(*_, **__):
    raise StorageError("storage_unavailable", "gone")


def _fails(*_, **__):
    raise RuntimeError("a defect")
