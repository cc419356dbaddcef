"""What an agent did lately in all its tasks, read by rules: whose acts count, and whose history they are counted in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from delegation.core.codec import add_statements
from delegation.core.scope import Scope, any_call
from delegation.errors import ConfigError, PolicyDenied, Reason
from delegation.service.risk_inputs import RiskInputs
from integration.policy.conftest import PERMIT
from integration.policy.test_labels_of_agents import WORKER, bound_handoff
from support.caller import GuardRecords, decided, new_key, nonce, now_ms

READ, SEND, DOCS = any_call("crm", "read"), any_call("mail", "send"), any_call("docs", "read")
THREE_CALLS = (
    PERMIT
    + '@id("three") forbid (principal, action == Action::"call", resource == Tool::"mail.send")'
    + " when { context.agentCalls >= 3 };\n"
)


def ask(ruled, holding, tool="mail.send"):
    audience, _, name = tool.partition(".")
    refused = ruled.as_("tool/all").decide(holding, audience, name, {}).refusal
    assert refused is None or refused.reason is Reason.POLICY_DENIED
    return refused and refused.field


def mails_of(ruled, agent, count=1):
    """Have an agent mail, each time in a task of its own; give what refuses each."""
    caller = ruled.as_(agent)
    return [ask(ruled, caller.grant(SEND)) for _ in range(count)]


@pytest.mark.spec("A-37")
def test_what_an_agent_spreads_over_its_tasks_comes_together(start):
    ruled = start(THREE_CALLS)
    assert mails_of(ruled, "agent/planner", 5) == [None, None, None, "three", "three"]
    assert mails_of(ruled, "agent/other", 3) == [None, None, None]
    assert ask(ruled, ruled.as_("agent/planner").grant(DOCS), "docs.read") is None  # the rule is about mails


def test_of_calls_of_all_its_tasks_at_once_no_more_are_permitted(start):
    ruled = start(THREE_CALLS)
    planner, tool = ruled.as_("agent/planner"), ruled.as_("tool/all")
    tasks = [planner.grant(SEND) for _ in range(32)]
    with ThreadPoolExecutor(16) as pool:
        decisions = list(pool.map(lambda task: tool.decide(task, "mail", "send", {}), tasks))
    assert sum(decision.refusal is None for decision in decisions) == 3


@pytest.mark.spec("A-37")
def test_handing_on_to_names_that_nobody_knows_sheds_nothing(start):
    ruled = start(THREE_CALLS)
    planner = ruled.as_("agent/planner")
    refused = [ask(ruled, planner.hand_off(planner.grant(SEND), f"agent/invented-{n}")) for n in range(5)]
    assert refused == [None, None, None, "three", "three"]
    assert mails_of(ruled, "agent/planner") == ["three"]


@pytest.mark.spec("A-37")
def test_nobody_fills_an_agents_history_by_handing_on_to_its_name(start):
    ruled = start(THREE_CALLS)
    mallory = ruled.as_("agent/mallory")
    forged = mallory.hand_off(mallory.grant(SEND), "agent/victim")
    for _ in range(3):
        assert ask(ruled, forged) is None
    batch = GuardRecords(new_key()).batch(decided(forged, "mail", "send", {}, break_glass=nonce()))
    assert ruled.as_("tool/all").record_decisions(batch, [forged.token]) == 2
    assert mails_of(ruled, "agent/victim") == [None]
    assert mails_of(ruled, "agent/mallory") == ["three"]


@pytest.mark.spec("A-37")
@pytest.mark.parametrize("binding", ["carried", "left out"])
def test_an_agent_that_is_known_has_a_history_of_its_own_in_whosever_task(start, binding):
    ruled = start(THREE_CALLS)
    planner = ruled.as_("agent/planner")
    with bound_handoff(ruled, planner, planner.grant(SEND)) as (child, recorded):
        statements = [recorded.receipt, recorded.binding] if binding == "carried" else [recorded.receipt]
        holding = replace(child, token=add_statements(child.token, statements))
        assert [ask(ruled, holding) for _ in range(4)] == [None, None, None, "three"]
        below = ruled.as_(WORKER).hand_off(holding, "agent/invented")
        assert ask(ruled, below) == "three"
    assert mails_of(ruled, WORKER) == ["three"]
    assert mails_of(ruled, "agent/planner") == [None]


@pytest.mark.spec("A-37")
def test_calls_that_were_refused_for_whatever_reason_are_denials(start):
    ruled = start(
        PERMIT
        + '@id("pattern") forbid (principal, action == Action::"call", resource) when { context.agentDenials >= 2 };\n'
        + '@id("no-docs") forbid (principal, action == Action::"call", resource == Tool::"docs.read");\n'
    )
    planner = ruled.as_("agent/planner")
    task = planner.grant(DOCS)
    assert ruled.as_("tool/all").decide(task, "mail", "send", {}).refusal.reason is Reason.TOOL_NOT_PERMITTED
    assert mails_of(ruled, "agent/planner") == [None]
    assert ask(ruled, planner.grant(DOCS), "docs.read") == "no-docs"
    assert mails_of(ruled, "agent/planner") == ["pattern"]
    assert mails_of(ruled, "agent/other") == [None]


def test_what_effects_an_agent_had_is_known_in_its_next_task(start):
    ruled = start(
        PERMIT
        + '@id("quiet-first") forbid (principal, action == Action::"call", resource == Tool::"ci.deploy")'
        + ' when { context.agentEffects.contains("external") };\n'
    )
    deploy = any_call("ci", "deploy")
    planner, other = ruled.as_("agent/planner"), ruled.as_("agent/other")
    assert ask(ruled, planner.grant(DOCS), "docs.read") is None
    assert ask(ruled, planner.grant(deploy), "ci.deploy") is None
    assert ask(ruled, planner.grant(deploy), "ci.deploy") == "quiet-first"
    assert ask(ruled, other.grant(deploy), "ci.deploy") is None


def record(ruled, task, *records):
    batch = GuardRecords(new_key()).batch(*records)
    assert ruled.as_("tool/all").record_decisions(batch, [task.token]) == len(records) + 1


@pytest.mark.spec("A-37")
def test_what_guards_decided_counts_once_it_is_recorded(start):
    ruled = start(THREE_CALLS)
    task = ruled.as_("agent/planner").grant(DOCS, SEND)
    record(ruled, task, *(decided(task, "docs", "read", {}) for _ in range(3)))
    assert mails_of(ruled, "agent/planner") == ["three"]


@pytest.mark.spec("A-37")
def test_a_guard_counts_no_call_that_the_agent_has_not_signed_for(start):
    """A token that it was shown, somebody else's proof, one proof for many calls, and one from a time long ago."""
    ruled = start(THREE_CALLS)
    planner = ruled.as_("agent/planner")
    task, other = planner.grant(DOCS, SEND), planner.grant(DOCS)
    ago = now_ms() - 4_000_000
    once = task.proof("docs", "read", {})
    proofs = [b"", other.proof("docs", "read", {}), task.proof("docs", "write", {}), once, once, once]
    records = [decided(task, "docs", "read", {}, proof=proof) for proof in proofs]
    old = task.proof("docs", "read", {}, now_ms=ago)
    record(ruled, task, *records, decided(task, "docs", "read", {}, proof=old, decided_at_ms=ago))
    record(ruled, task, decided(task, "docs", "read", {}, proof=once))
    assert mails_of(ruled, "agent/planner", 3) == [None, None, "three"]


@pytest.mark.spec("A-38")
def test_with_grants_and_handoffs_it_is_that_of_whoever_receives(start):
    ruled = start(
        PERMIT
        + '@id("rest") forbid (principal, action in [Action::"grant", Action::"handOff"], resource)'
        + " when { context.agentCalls >= 1 };\n"
    )
    planner, other = ruled.as_("agent/planner"), ruled.as_("agent/other")
    task, before = planner.grant(SEND, DOCS), other.grant(DOCS)
    assert planner.hand_off(task, "agent/invented", scope=Scope(DOCS))
    assert ask(ruled, task) is None
    with pytest.raises(PolicyDenied) as refused:
        planner.grant(SEND)
    assert refused.value.field == "rest"
    with pytest.raises(PolicyDenied):  # a name that nobody knows acts for the planner
        planner.hand_off(task, "agent/invented")
    with bound_handoff(ruled, planner, task) as (_, recorded):
        assert recorded.receipt
    assert other.hand_off(before, "agent/invented")


@pytest.mark.spec("A-38")
def test_where_nothing_is_kept_a_policy_that_reads_it_is_refused_with_every_rule(start):
    with pytest.raises(ConfigError) as refused:
        start(THREE_CALLS, sessions={"agents_remembered_ms": 0})
    assert "policy.cedar:2: three: it reads agentCalls, and [sessions] agents_remembered_ms is 0" in str(refused.value)
    assert start(PERMIT, name="other", sessions={"agents_remembered_ms": 0})


def test_a_rule_that_takes_all_of_context_reads_it_too(start):
    whole = '@id("odd") forbid (principal, action == Action::"call", resource) when { context == context };\n'
    with pytest.raises(ConfigError, match="agentCalls, agentDenials, agentEffects"):
        start(PERMIT + whole, sessions={"agents_remembered_ms": 0})


def test_a_policy_that_begins_to_read_it_knows_what_was_done_since(start):
    ruled = start(PERMIT)
    assert mails_of(ruled, "agent/planner", 3) == [None] * 3
    version = ruled.version
    ruled.write(THREE_CALLS)
    ruled.until(lambda: ruled.version > version)
    assert mails_of(ruled, "agent/planner", 4) == [None, None, None, "three"]


def test_what_was_known_of_the_agent_is_kept_with_the_decision(start):
    ruled = start(THREE_CALLS)
    assert mails_of(ruled, "agent/planner", 4) == [None, None, None, "three"]
    calls = ruled.as_("developer").calls()[0]
    known = [(call.rules, RiskInputs.of_text(call.inputs).fields["agent_calls"]) for call in calls]
    assert known == [(("three",), 3), ((), 2), ((), 1), ((), 0)]
