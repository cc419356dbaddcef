"""What guards permitted by themselves, and recorded, counts for task and agents as if it had been asked for."""

from __future__ import annotations

import pytest

from delegation.core.scope import any_call
from delegation.errors import Reason
from integration.policy.conftest import PERMIT
from support.caller import GuardRecords, decided, new_key, nonce

READ, SEND, DOCS = any_call("crm", "read"), any_call("mail", "send"), any_call("docs", "read")


def send(ruled, holding):
    refused = ruled.as_("tool/all").decide(holding, "mail", "send", {}).refusal
    return None if refused is None else refused.reason


def record(ruled, *records, guard=None, tokens=()):
    guard = guard or GuardRecords(new_key())
    assert ruled.as_("tool/all").record_decisions(guard.batch(*records), tokens) == guard.next_sequence


def test_what_was_read_during_an_outage_is_not_sent_out_after_it(start):
    ruled = start()
    planner = ruled.as_("agent/planner")
    task, before = planner.grant(READ, SEND), planner.grant(SEND)
    sibling = planner.hand_off(task, "agent/sender")
    assert (send(ruled, sibling), send(ruled, before)) == (None, None)
    record(ruled, decided(task, "crm", "read", {}, break_glass=nonce()), tokens=[task.token])
    assert send(ruled, sibling) is Reason.APPROVAL_REQUIRED
    assert send(ruled, before) is Reason.APPROVAL_REQUIRED  # the agent knows it, whatever task it acts in
    assert send(ruled, planner.grant(SEND)) is Reason.APPROVAL_REQUIRED
    assert send(ruled, ruled.as_("agent/other").grant(SEND)) is None


@pytest.mark.parametrize(("tool", "reason"), [("docs", ""), ("crm", "tool_not_permitted")], ids=["public", "refused"])
def test_what_was_public_or_refused_keeps_nobody_from_sending(start, tool, reason):
    ruled = start()
    task = ruled.as_("agent/planner").grant(READ, DOCS, SEND)
    record(ruled, decided(task, tool, "read", {}, reason=reason), tokens=[task.token])
    assert send(ruled, task) is None


def test_a_call_that_a_tool_only_claims_labels_nobody(start):
    """It has never met the chain: whose id it names is not known to have called."""
    ruled = start()
    task = ruled.as_("agent/planner").grant(READ, SEND)
    record(ruled, decided(task, "crm", "read", {}, proof=b"none", break_glass=nonce()))
    assert send(ruled, task) is None


def test_a_rule_on_what_came_before_knows_what_guards_have_recorded(start):
    ruled = start(
        PERMIT
        + '@id("docs-first") forbid (principal, action == Action::"call", resource == Tool::"mail.send")'
        + ' unless { context.taskTools.contains("docs.read") && context.taskCalls < 4 };'
    )
    task = ruled.as_("agent/planner").grant(DOCS, SEND)
    guard = GuardRecords(new_key())
    assert send(ruled, task) is Reason.POLICY_DENIED
    record(ruled, decided(task, "docs", "read", {}), guard=guard, tokens=[task.token])
    assert send(ruled, task) is None
    record(ruled, *(decided(task, "docs", "read", {}) for _ in range(2)), guard=guard)
    assert send(ruled, task) is Reason.POLICY_DENIED  # the fifth
