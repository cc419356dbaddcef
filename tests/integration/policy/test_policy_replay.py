"""`delegation policy replay` on a real service: the same rules decide the same, others exactly what they should."""

from __future__ import annotations

import json

import pytest

from delegation.cli import exit_codes, main
from delegation.cli.recorded_calls import ReadRecords
from delegation.core.conditions import at_most_calls, budget
from delegation.core.declaration import Declaration
from delegation.core.scope import Scope, any_call
from delegation.core.trust import Effect
from delegation.errors import Reason
from delegation.server.catalogue_file import load_catalogue
from delegation.service.risk_inputs import RiskInputs
from delegation.wire.paging import PageRequest
from delegation_sdk import Client
from delegation_sdk.delegation import Delegation
from integration.policy.conftest import PERMIT, TOOLS
from support.caller import GuardRecords, decided, new_key, now_ms

BILLING = """
[[tool]]
audience = "billing"
name = "refund"
owner = "team-billing"
effects = ["write", "spends"]
record = { amount = "plain" }

[[tool]]
audience = "billing"
name = "charge"
owner = "team-billing"
effects = ["write", "spends"]
record = { amount = "digest" }
"""
POLICY = (
    PERMIT
    + """
@id("no-leak") @obligation("approve")
forbid (principal, action == Action::"call", resource)
when { context.effects.contains("external") && context.taskLabels.contains("personal") };

@id("large-refund")
@arguments("amount: decimal")
forbid (principal, action == Action::"call", resource == Tool::"billing.refund")
unless { context.arguments has amount && context.arguments.amount.lessThanOrEqual(decimal("50.00")) };

@id("tests-first")
forbid (principal, action == Action::"call", resource == Tool::"ci.deploy")
unless { context.taskTools.contains("ci.test") };

@id("many-denials")
forbid (principal, action == Action::"call", resource == Tool::"docs.read")
when { context.taskDenials >= 3 };

@id("only-owned")
forbid (principal, action == Action::"call", resource == Tool::"iam.add_role")
unless { context.agentOwner == "tests" && context.assertedAgents.isEmpty() };
"""
)
EVERYTHING = [
    any_call("crm", "read"),
    any_call("docs", "read"),
    any_call("mail", "send"),
    any_call("ci", "test"),
    any_call("ci", "deploy"),
    any_call("iam", "add_role"),
    any_call("billing", "refund", at_most_calls(4), budget("amount", "120")),
    any_call("billing", "charge"),
]


def work(ruled):
    """What a few tasks do: reads, leaks, budgets, an order of things, refusals, consent, other agents' labels."""
    tools, planner = ruled.as_("tool/all"), ruled.as_("agent/planner")

    def call(holding, named, arguments=None):
        audience, _, name = named.partition(".")
        return tools.decide(holding, audience, name, arguments or {}).refusal

    task = planner.grant(*EVERYTHING)
    worker = planner.hand_off(task, "agent/worker")
    assert call(worker, "docs.read") is None
    assert call(task, "mail.send", {"to": "ann"}) is None
    assert call(worker, "crm.read") is None
    assert call(task, "mail.send", {"to": "ann"}).reason is Reason.APPROVAL_REQUIRED
    consented(ruled, task, {"to": "ben"})
    assert call(task, "mail.send", {"to": "ben"}) is None
    assert [call(task, "billing.refund", {"amount": amount}) is None for amount in ("20", "49.5", "50.01", 50, 1)] == [
        *(True, True, False, True, False)  # the last is half of one too much for the budget
    ]
    assert call(task, "billing.charge", {"amount": 3}) is None
    assert call(task, "ci.deploy").reason is Reason.POLICY_DENIED
    assert call(worker, "ci.test") is None
    assert call(task, "ci.deploy").reason is Reason.APPROVAL_REQUIRED  # it is external
    assert call(worker, "docs.read").reason is Reason.POLICY_DENIED
    assert call(worker, "iam.add_role").reason is Reason.POLICY_DENIED
    assert call(worker.child("agent/below", scope=Scope(any_call("docs", "read"))), "crm.read") is not None

    other = planner.grant(*EVERYTHING)  # its labels stuck
    assert call(other, "mail.send").reason is Reason.APPROVAL_REQUIRED
    fresh = ruled.as_("agent/fresh").grant(*EVERYTHING)
    assert call(fresh, "mail.send") is None
    assert call(fresh, "ci.test") is None
    assert call(fresh, "ci.deploy") is None


def consented(ruled, holding, arguments):
    with (
        Client.connect(ruled.server.profile("agent/planner")) as planner,
        Client.connect(ruled.server.profile("developer")) as person,
    ):
        asked = planner.approvals.request(Delegation(holding.token, holding.key), "mail", "send", arguments)
        person.approvals.answer(asked, approve=True)


@pytest.fixture
def replay(capsys):
    """`replay(ruled, policy)` runs the command as an auditor; gives the exit code and what it tells."""

    def run(ruled, policy, *further):
        ruled.directory.joinpath("other.cedar").write_text(policy)
        capsys.readouterr()
        files = [str(ruled.directory / "other.cedar"), "--catalogue", str(ruled.directory / "tools.toml")]
        code = main(["policy", "replay", *files, "--profile", str(ruled.server.profile()), "--json", *further])
        said = capsys.readouterr()
        assert not said.err, said.err
        return code, json.loads(said.out)

    return run


def started(start, policy=POLICY):
    return start(policy, tools=TOOLS + BILLING)


def test_the_policy_that_decided_decides_everything_the_same(start, replay):
    ruled = started(start)
    work(ruled)
    code, told = replay(ruled, POLICY)
    assert (code, told["different"], told["cannot_be_told"], told["rebuilt"]) == (exit_codes.OK, 0, 0, 0), told
    assert told["asked"] == told["same"] == 19
    assert told["not_for_rules"] == {"refused: receipt_missing": 1, "refused: budget_exceeded": 1}
    assert told["calls"] == 21


def changes(told):
    return {(each["tool"], each["then"], each["now"], *each["rules"]): each["calls"] for each in told["changes"]}


def test_another_policy_decides_exactly_these_differently(start, replay):
    ruled = started(start)
    work(ruled)
    other = (
        POLICY.replace("50.00", "30.00")
        .replace('contains("ci.test")', 'contains("ci.test") || context.taskTools.contains("docs.read")')
        .replace('@obligation("approve")', '@obligation("approve") @threshold("2")')
        + """
@id("no-tests-on-personal")
forbid (principal, action == Action::"call", resource == Tool::"ci.test")
when { context.taskLabels.contains("personal") };

@id("charge") @arguments("amount: decimal")
forbid (principal, action == Action::"call", resource == Tool::"billing.charge")
when { context.arguments has amount && context.arguments.amount.greaterThan(decimal("5.00")) };
"""
    )
    code, told = replay(ruled, other)
    assert code == exit_codes.REFUSED
    assert changes(told) == {
        ("billing.refund", "permitted", "refused", "large-refund"): 2,
        ("ci.deploy", "refused", "needs approval", "no-leak"): 1,  # documents were read; but it is external, too
        ("mail.send", "permitted", "needs approval", "no-leak"): 1,  # one has consented
        ("ci.test", "permitted", "refused", "no-tests-on-personal"): 1,
    }
    assert told["untold"] == [{"tool": "billing.charge", "why": "the argument amount was not kept", "calls": 1}]
    by_tool = {each["tool"]: each["rebuilt"] for each in told["differing"]}
    assert by_tool == {"refund": [], "deploy": [], "send": [], "test": ["taskLabels"]}
    assert told["asked"] == told["same"] + 6


def test_what_tools_have_said_of_themselves_is_replayed_as_it_counted(start, replay):
    """It forbids, and permits nothing: as then, in what is told and in what is asked again."""
    before = """
@id("reviewed") forbid (principal, action == Action::"call", resource == Tool::"ci.deploy")
unless { context.taskLabels.contains("personal") };
"""
    ruled = started(start, POLICY + before)
    task, tools = ruled.as_("agent/planner").grant(*EVERYTHING), ruled.as_("tool/all")
    personal = Declaration(frozenset({Effect.EXTERNAL}), frozenset({"personal"}))
    assert tools.decide(task, "docs", "read", {}, declared=personal).refusal is None
    assert tools.decide(task, "ci", "test", {}).refusal is None
    assert tools.decide(task, "ci", "deploy", {}).refusal.reason is Reason.POLICY_DENIED
    assert tools.decide(task, "mail", "send", {}).refusal.reason is Reason.APPROVAL_REQUIRED
    assert tools.decide(task, "docs", "read", {}, declared=personal).refusal.reason is Reason.APPROVAL_REQUIRED
    code, told = replay(ruled, POLICY + before)
    assert (code, told["same"], told["cannot_be_told"]) == (exit_codes.OK, 5, 0)
    code, told = replay(ruled, POLICY)
    assert changes(told) == {("ci.deploy", "refused", "needs approval", "no-leak"): 1}


def test_what_is_rebuilt_of_a_task_is_what_the_policy_was_told(start):
    ruled = started(start)
    work(ruled)
    catalogue = load_catalogue(ruled.directory / "tools.toml")
    compared = 0
    with Client.connect(ruled.server.profile()) as client:
        records = ReadRecords(client.lineage, catalogue)
        for call in client.lineage.each_call():
            if call.inputs:
                told, past = RiskInputs.of_text(call.inputs).fields, records.past(call)
                brought_along = told["task_labels"] - past["task_labels"]
                assert brought_along == ({"personal"} if past["task_calls"] == 0 and call.refusal else set())
                assert {name: told[name] for name in past if name != "task_labels"} == {
                    name: value for name, value in past.items() if name != "task_labels"
                }
                compared += 1
    assert compared > 10


def test_what_a_rule_refused_is_permitted_without_it(start, replay):
    ruled = started(start)
    work(ruled)
    code, told = replay(ruled, PERMIT)
    assert code == exit_codes.REFUSED
    assert {key[:3] for key in changes(told)} == {
        (tool, then, "permitted")
        for tool, then in (
            ("mail.send", "needs approval"),
            ("ci.deploy", "needs approval"),
            ("ci.deploy", "refused"),
            ("billing.refund", "refused"),
            ("docs.read", "refused"),
            ("iam.add_role", "refused"),
        )
    }
    assert (told["cannot_be_told"], told["rebuilt"]) == (0, 0)  # nothing has to be known


def test_a_task_and_a_tool_alone_are_replayed_and_no_more_than_so_many(start, replay):
    ruled = started(start)
    work(ruled)
    _, told = replay(ruled, PERMIT, "--audience", "mail", "--tool", "send")
    assert (told["calls"], told["more"]) == (5, False)
    _, told = replay(ruled, PERMIT, "--limit", "3")
    assert (told["calls"], told["more"]) == (3, True)
    (newest, *_) = ruled.as_("developer").calls()[0]
    _, told = replay(ruled, PERMIT, "--task", newest.task_id.hex())
    assert told["calls"] == 3
    code, told = replay(ruled, PERMIT, "--since", "2100-01-01")
    assert (code, told["calls"]) == (exit_codes.OK, 0)


APART = """
@id("apart") forbid (principal, action in [Action::"grant", Action::"handOff"], resource == Tool::"mail.send")
when { context.scope.contains("crm.read") };

@id("no-worker")
forbid (principal == Agent::"spiffe://test.example/agent/worker", action == Action::"handOff", resource);
"""


def test_grants_and_handoffs_are_asked_about_as_they_were_given(start, replay):
    ruled = started(start)
    planner = ruled.as_("agent/planner")
    task = planner.grant(any_call("crm", "read"), any_call("mail", "send"))
    planner.hand_off(task, "agent/worker", scope=Scope(any_call("crm", "read")))
    planner.hand_off(task, "agent/sender", scope=Scope(any_call("mail", "send")))
    planner.complete(task)
    planner.grant(any_call("docs", "read"))
    code, told = replay(ruled, POLICY, "--grants")
    assert (code, told["scopes"]["given"], told["scopes"]["same"]) == (exit_codes.OK, 4, 4)
    code, told = replay(ruled, POLICY + APART, "--grants")
    assert (code, told["different"], told["scopes"]["different"]) == (exit_codes.REFUSED, 0, 2)
    found = {(each["action"], each["tool"], each["now"], *each["rules"]) for each in told["scopes"]["changes"]}
    assert found == {("grant", "mail.send", "refused", "apart"), ("handOff", "crm.read", "refused", "no-worker")}
    assert {each["agent"] for each in told["scopes"]["differing"]} == {
        "spiffe://test.example/agent/planner",
        "spiffe://test.example/agent/worker",
    }
    _, told = replay(ruled, POLICY + APART, "--grants", "--task", planner.grant(any_call("docs", "read")).task_id.hex())
    assert told["scopes"]["given"] == 1


def test_what_is_not_known_of_a_handoff_is_not_guessed(start, replay):
    ruled = started(start)
    planner = ruled.as_("agent/planner")
    task = planner.grant(any_call("mail", "send"), unrecorded_handoffs=True)
    planner.hand_off(task, "agent/worker")
    planner.complete(task)
    no_handoff = '@id("no") forbid (principal, action == Action::"handOff", resource);\n'
    code, told = replay(ruled, POLICY + no_handoff, "--grants")
    assert (code, told["scopes"]["untold"]) == (
        exit_codes.OK,
        [{"tool": "mail.send", "why": "it may have been told late, and refused then", "scopes": 1}],
    )
    labels = '@id("no") forbid (principal, action == Action::"grant", resource)'
    labels += ' when { context.taskLabels.contains("personal") };\n'
    _, told = replay(ruled, POLICY + labels, "--grants")
    assert [each["why"] for each in told["scopes"]["untold"]] == ["taskLabels was not recorded"]
    asserted = '@id("no") forbid (principal, action in [Action::"grant", Action::"handOff"], resource)'
    asserted += " unless { context.assertedAgents.isEmpty() };\n"
    _, told = replay(ruled, POLICY + asserted, "--grants")
    assert (told["scopes"]["same"], told["scopes"]["cannot_be_told"]) == (1, 1)


def test_no_guard_hides_what_came_before_its_records(start, replay):
    ruled = started(start)
    work(ruled)
    task, guard = ruled.as_("agent/planner").grant(*EVERYTHING), GuardRecords(new_key())
    newest = now_ms().to_bytes(6, "big") + bytes(10)
    old = decided(task, "docs", "read", {}, decided_at_ms=1, call_id=newest)
    ruled.as_("tool/all").record_decisions(guard.batch(old), [task.token])
    _, told = replay(ruled, PERMIT)
    assert told["calls"] == 21


def test_who_is_no_auditor_is_not_told_what_the_policy_knew(start):
    ruled = started(start)
    work(ruled)
    asked = [call for call in ruled.as_("developer").calls()[0] if call.rules == ("no-leak",)]
    assert all('"task_labels":["personal"]' in call.inputs for call in asked)
    for path in ("agent/planner", "tool/mail"):
        seen = [ruled.as_(path).explain(call.call_id).call for call in asked[:1]]
        assert [(call.rules, call.inputs) for call in seen] == [(("no-leak",), "")]


def test_a_page_of_calls_is_no_larger_than_an_answer_may_be(start):
    ruled = start(POLICY, tools=TOOLS + BILLING.replace('"digest"', '"plain"'), limits={"max_message_bytes": 64 * 1024})
    task, tools = ruled.as_("agent/planner").grant(any_call("billing", "charge")), ruled.as_("tool/all")
    for _ in range(12):
        assert tools.decide(task, "billing", "charge", {"amount": "9" * 7_000}).refusal is None
    auditor, found, cursor, pages = ruled.as_("developer"), [], None, 0
    while pages == 0 or cursor is not None:
        calls, cursor = auditor.calls(page=PageRequest(500, cursor))
        assert 0 < sum(len(call.kept.plain_json) for call in calls) <= 40 * 1024
        found += [call.call_id for call in calls]
        pages += 1
    assert pages == 3
    assert len(found) == len(set(found)) == 12
    with Client.connect(ruled.server.profile()) as client:
        assert [call.call_id for call in client.lineage.each_call()] == found


def test_a_policy_with_a_fault_replays_nothing(start, capsys, tmp_path):
    ruled = started(start)
    (tmp_path / "bad.cedar").write_text(PERMIT + '@id("bad") forbid (principal, action, resource == Tool::"no.tool");')
    assert main(["policy", "replay", str(tmp_path / "bad.cedar"), "--profile", str(ruled.server.profile())]) == (
        exit_codes.CONFIG
    )
    assert "no.tool" in capsys.readouterr().err
