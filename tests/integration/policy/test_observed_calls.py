"""What ran under observation though it was refused: rules forbid by it what comes after, and permit nothing by it."""

from __future__ import annotations

import datetime as dt

import pytest

from delegation.core.scope import any_call
from delegation.errors import Reason
from integration.policy.conftest import PERMIT, TOOLS

BEFORE = """
@id("first") forbid (principal, action == Action::"call", resource == Tool::"ci.deploy")
unless { context.taskTools.contains("ci.test") };
@id("read-first") forbid (principal, action == Action::"call", resource == Tool::"iam.add_role")
unless { context.taskLabels.contains("personal") || context.taskEffects.contains("write") };
@id("no-leak") forbid (principal, action == Action::"call", resource == Tool::"mail.send")
when { context.taskLabels.contains("personal") };
"""
CALLS = [any_call("ci", "deploy"), any_call("iam", "add_role"), any_call("mail", "send")]


def observing(*owners):
    """The catalogue with the tools of some teams under observation."""
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    tools = TOOLS
    for owner in owners:
        line = f'owner = "{owner}"\n'
        tools = tools.replace(line, f"{line}observe_until = {until}\n", 1)
    return tools


def reason(ruled, task, audience, tool):
    decision = ruled.as_("tool/all").decide(task, audience, tool, {})
    return None if decision.refusal is None else (decision.refusal.reason, decision.observed)


@pytest.mark.spec("A-30")
def test_what_ran_though_it_was_refused_is_no_way_to_what_is_permitted_only_after_it(start):
    ruled = start(PERMIT + BEFORE, tools=observing("team-crm", "team-build"))
    task = ruled.as_("agent/planner").grant(*CALLS)
    assert reason(ruled, task, "mail", "send") is None
    for audience, tool in (("ci", "test"), ("crm", "read")):
        assert reason(ruled, task, audience, tool) == (Reason.TOOL_NOT_PERMITTED, True)
    assert reason(ruled, task, "ci", "deploy") == (Reason.POLICY_DENIED, False)
    assert reason(ruled, task, "iam", "add_role") == (Reason.POLICY_DENIED, False)
    assert reason(ruled, task, "mail", "send") == (Reason.POLICY_DENIED, False)  # and it forbids


@pytest.mark.spec("A-30")
def test_benign_what_was_permitted_under_observation_is_a_way(start):
    ruled = start(PERMIT + BEFORE, tools=observing("team-crm", "team-build"))
    task = ruled.as_("agent/planner").grant(*CALLS, any_call("ci", "test"), any_call("crm", "read"))
    for audience, tool in (("ci", "test"), ("crm", "read"), ("ci", "deploy"), ("iam", "add_role")):
        assert reason(ruled, task, audience, tool) is None
    assert reason(ruled, task, "mail", "send") == (Reason.POLICY_DENIED, False)


def test_a_rule_that_refuses_a_tool_under_observation_is_recorded_with_the_call(start):
    ruled = start(PERMIT + BEFORE, tools=observing("team-mail", "team-crm"))
    task = ruled.as_("agent/planner").grant(*CALLS, any_call("crm", "read"))
    assert reason(ruled, task, "crm", "read") is None
    decision = ruled.as_("tool/all").decide(task, "mail", "send", {})
    assert (decision.refusal.reason, decision.observed) == (Reason.POLICY_DENIED, True)
    call = ruled.as_("developer").explain(decision.call_id).call
    assert (call.rules, call.ran) == (("no-leak",), True)
