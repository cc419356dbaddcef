"""Deciding by Cedar rules: permits, denials and step-ups, and that whatever is not a clear answer denies."""

import pytest

from delegation.core.trust import Effect
from delegation.errors import Layer, PolicyDenied, Reason
from delegation.policy.port import Action, Consent, Denial, Obligation, ObligationKind, Permit, StepUp
from support.policies import ADA, PERMIT, PLANNER, WORKER, call, policy_of, question, word

CALL = 'forbid (principal, action == Action::"call", resource)'
REFUND = 'forbid (principal, action == Action::"call", resource == Tool::"billing.refund")'
SEND = question("mail.send")


def decide(text, asked=SEND):
    return policy_of(text).decide(asked)


def applies(condition, asked=SEND):
    """Tell whether a forbid with this condition applies to a question."""
    return (
        word(decide(f'{PERMIT}@id("r") forbid (principal, action, resource) when {{ {condition} }};', asked)) == "deny"
    )


# -- permits and denials ---------------------------------------------------------------------------------


def test_what_a_rule_permits_and_none_forbids_is_permitted():
    assert decide(PERMIT) == Permit()


def test_what_no_rule_permits_is_denied():
    assert decide(f'@id("r") {CALL} when {{ context.local }};') == Denial((), "no rule permits it")
    assert decide('@id("p") permit (principal, action, resource) when { context.local };').rules == ()


def test_a_denial_names_every_rule_that_forbids():
    verdict = decide(f'{PERMIT}@id("b") {CALL}; @id("a") {CALL}; @id("c") {CALL} when {{ context.local }};')
    assert verdict == Denial(("a", "b"), "forbidden by a, b")


def test_a_denial_names_a_few_rules_in_words_and_all_as_data():
    verdict = decide(PERMIT + "".join(f'@id("r{number:02}") {CALL};' for number in range(20)))
    assert len(verdict.rules) == 20
    assert verdict.detail.endswith("r07 and 12 more")


def test_a_denial_is_raised_as_policy_denied():
    refused = decide(f'{PERMIT}@id("r") {CALL};').refused()
    assert isinstance(refused, PolicyDenied)
    assert (refused.reason, refused.layer, refused.detail) == (Reason.POLICY_DENIED, Layer.POLICY, "forbidden by r")


def test_obligations_of_the_rules_that_permit_come_back():
    verdict = decide(  # in no order of its own: the engine names them in another one each time
        f'{PERMIT}@id("n") @obligation("notify") permit (principal, action, resource);'
        '@id("r") @obligation("redact") permit (principal, action, resource == Tool::"mail.send");'
        '@id("x") @obligation("redact") permit (principal, action, resource == Tool::"crm.read");'
    )
    assert verdict == Permit((Obligation(ObligationKind.NOTIFY, "n"), Obligation(ObligationKind.REDACT, "r")))


def test_actions_are_told_apart():
    policy = policy_of(f'{PERMIT}@id("r") forbid (principal, action == Action::"handOff", resource);')
    found = {action: word(policy.decide(question("mail.send", action=action))) for action in Action}
    assert found == {Action.GRANT: "permit", Action.HAND_OFF: "deny", Action.CALL: "permit"}


def test_a_listed_tool_and_one_that_is_not_are_told_apart():
    policy = policy_of(f'{PERMIT}@id("r") forbid (principal, action, resource is UnlistedTool);')
    assert word(policy.decide(SEND)) == "permit"
    assert word(policy.decide(question("mail.sendAll"))) == "deny"


# -- what rules see --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ('context.taskLabels.contains("personal")', {"task_labels": frozenset({"personal"})}),
        ('context.taskEffects.contains("read")', {"task_effects": frozenset({Effect.READ})}),
        ('context.taskTools.contains("crm.read")', {"task_tools": frozenset({"crm.read"})}),
        ("context.taskCalls >= 10", {"task_calls": 10}),
        ("context.taskDenials > 2", {"task_denials": 3}),
        ('context.purpose like "*refund*"', {"purpose": "refund order 17"}),
        ('context.agentOwner == "team-a"', {"owner": "team-a"}),
        (f'context.assertedAgents.contains("{WORKER}")', {"asserted": frozenset({WORKER})}),
        ("context.depth > 2", {"agents": (PLANNER, PLANNER, WORKER)}),
        (f'!context.agents.contains("{PLANNER}")', {"agents": (WORKER,)}),
        (f'principal == Agent::"{PLANNER}"', {"agents": (PLANNER,)}),
        ("context.time >= 1800000000", {"now_s": 1_800_000_000}),
        ('context.principalSubject != "ada@example.org"', {"principal": ADA._replace(subject="eve")}),
        ('context.principalIssuer != "https://login.example.org"', {"principal": ADA._replace(issuer="other")}),
        ('context.principalAcr == "phr"', {"principal": ADA._replace(authentication_strength="phr")}),
    ],
)
def test_a_rule_sees(condition, known):
    assert applies(condition, question("mail.send", **known))
    assert not applies(condition)


@pytest.mark.parametrize(
    "condition",
    [
        'context.effects == ["external"]',
        "context.labels.isEmpty()",
        'context.audience == "mail" && context.tool == "send" && context.toolOwner == "team-mail"',
        "!context.local",
        'context.principalBasis == "oidc_id_token"',
    ],
)
def test_a_rule_sees_what_the_catalogue_says(condition):
    assert applies(condition)
    assert not applies(condition, question("crm.read")) or condition.startswith(("!", "context.principal"))


def test_a_rule_about_grants_sees_the_whole_scope():
    policy = policy_of(
        f'{PERMIT}@id("apart") forbid (principal, action in [Action::"grant", Action::"handOff"], '
        'resource == Tool::"mail.send") when { context.scope.contains("crm.read") };'
    )
    for action in (Action.GRANT, Action.HAND_OFF):
        both = question("mail.send", action=action, scope=frozenset({"mail.send", "crm.read"}))
        assert word(policy.decide(both)) == "deny"
        assert word(policy.decide(both._replace(scope=frozenset({"mail.send"})))) == "permit"


def test_a_rule_sees_how_many_calls_are_left():
    policy = policy_of(f'{PERMIT}@id("last") {CALL} when {{ context has callsLeft && context.callsLeft < 2 }};')
    assert word(policy.decide(question("mail.send", calls_left=1))) == "deny"
    assert word(policy.decide(question("mail.send", calls_left=2))) == "permit"
    assert word(policy.decide(SEND)) == "permit"


def test_a_rule_sees_what_is_left_of_a_budget():
    policy = policy_of(
        f'{PERMIT}@id("reserve") @arguments("amount: decimal") {REFUND} when '
        '{ context.budgetsLeft has amount && context.budgetsLeft.amount.lessThan(decimal("10.0")) };'
    )
    for left, expected in (("9.99", "deny"), ("10", "permit"), ("9.99999", "deny"), ("10.00001", "deny")):
        assert word(policy.decide(call("billing.refund", {"amount": 1}, budgets_left={"amount": left}))) == expected
    assert word(policy.decide(call("billing.refund", {"amount": 1}, budgets_left={"other": "1"}))) == "permit"


# -- step-up ---------------------------------------------------------------------------------------------

APPROVE = f'@id("ask") @obligation("approve") @approvers("grace@example.org, bob@example.org") @threshold("2") {CALL};'


def test_what_only_consent_stands_against_is_a_step_up():
    verdict = decide(PERMIT + APPROVE)
    assert verdict == StepUp((Consent("ask", ("bob@example.org", "grace@example.org"), 2),))


def test_consent_lifts_it():
    assert decide(PERMIT + APPROVE, SEND._replace(approved=True)) == Permit()


def test_every_rule_that_demands_consent_is_named():
    more = f'@id("also") @obligation("approve") @principal_may_approve("true") {CALL};'
    verdict = decide(PERMIT + APPROVE + more)
    assert [consent.rule for consent in verdict.demands] == ["also", "ask"]
    assert verdict.demands[0] == Consent("also", (), 1, principal_may_approve=True)


def test_what_is_forbidden_anyway_is_no_step_up():
    assert decide(f'{PERMIT}{APPROVE}@id("never") {CALL};') == Denial(("ask", "never"), "forbidden by ask, never")


def test_consent_lifts_nothing_else():
    never = f'{PERMIT}{APPROVE}@id("never") {CALL};'
    assert decide(never, SEND._replace(approved=True)) == Denial(("never",), "forbidden by never")


def test_nobody_is_asked_for_what_is_not_permitted_then_either():
    assert decide(APPROVE) == Denial((), "no rule permits it")
    stricter = f'{PERMIT}{APPROVE}@id("not-even-then") {CALL} when {{ context.approved }};'
    assert decide(stricter) == Denial(("not-even-then",), "forbidden by not-even-then")


def test_a_rule_may_speak_of_approval_itself():
    text = f'{PERMIT}@id("ask") @obligation("approve") {CALL} unless {{ context.approved }};'
    assert word(decide(text)) == "step-up"
    assert word(decide(text, SEND._replace(approved=True))) == "permit"


# -- as Cedar has it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        'context.purpose like "*\\*17*"',
        'context.purpose like "*\\"ü*"',
        'context.purpose == "ref\\u{75}nd *17 \\"ü"',
        "context.taskCalls - 10 == -7",
        "context.taskCalls > -9223372036854775808",
        "!(context.taskCalls < 3) && !!context.local == false",
        "principal is Agent && resource is Tool && !(resource is UnlistedTool)",
        'resource in [Tool::"crm.read", Tool::"mail.send"]',
        'action in [Action::"grant", Action::"call"]',
        'if context.local then false else context.agents.contains("spiffe://example.org/worker")',
        'context.agents.containsAny(["x", "spiffe://example.org/worker"])',
        "context has callsLeft && context.callsLeft == 2",
        'context["taskCalls"] * 2 == 6',
        '{a: {decimal: context.taskCalls}, "less Than": [1]} == {"less Than": [1], a: {decimal: 3}}',
        'datetime("2026-11-22") < datetime("2026-11-23") && duration("1h") > duration("59m")',
        'ip("10.0.0.1").isInRange(ip("10.0.0.0/8"))',
        '[decimal("1.0"), decimal("1.5")].contains(decimal("1.50")) && {d: decimal("2.0")}.d.lessThan(decimal("2.1"))',
    ],
)
def test_an_expression_means_what_it_means_to_cedar(condition):
    text = f'@id("r") permit (principal, action == Action::"call", resource) when {{ {condition} }};'
    asked = question("mail.send", purpose='refund *17 "ü', task_calls=3, calls_left=2)
    assert decide(text, asked) == Permit()
    assert word(decide(text.replace("when", "unless"), asked)) == "deny"


@pytest.mark.parametrize("missing", ["amount", "other"])
def test_a_path_of_fields_may_be_asked_for(missing):
    text = (
        '@id("r") @arguments("amount: decimal") permit (principal, action == Action::"call", '
        'resource == Tool::"billing.refund") when { context has arguments.amount };'
    )
    assert word(decide(text, call("billing.refund", {missing: 1}))) == ("permit" if missing == "amount" else "deny")


# -- failing closed --------------------------------------------------------------------------------------


def test_a_forbid_that_cannot_be_evaluated_denies():
    """Cedar skips it and answers Allow."""
    overflow = f'{PERMIT}@id("sum") {CALL} when {{ context.taskCalls + 9223372036854775807 > 0 }};'
    assert decide(overflow, question("mail.send", task_calls=0)) == Denial(("sum",), "forbidden by sum")
    assert decide(overflow, question("mail.send", task_calls=1)) == Denial(("sum",), "could not be evaluated: sum")


def test_a_permit_that_cannot_be_evaluated_denies_beside_one_that_can():
    text = PERMIT + '@id("p") permit (principal, action, resource) when { context.taskCalls * 2 > 0 };'
    assert decide(text, question("mail.send", task_calls=2**63 - 1)) == Denial(("p",), "could not be evaluated: p")


@pytest.mark.parametrize("calls", [2**63, -(2**63) - 1, 1.5, None])
def test_a_number_that_the_engine_cannot_hold_denies(calls):
    text = f'{PERMIT}@id("r") {CALL} when {{ context.taskCalls > 1000 }};'
    assert word(decide(text, question("mail.send", task_calls=calls))) == "deny"


def test_an_agent_id_that_is_no_text_denies():
    text = f'{PERMIT}@id("r") {CALL} when {{ context.local }};'
    verdict = decide(text, question("mail.send", agents=("hidden\ud800",)))
    assert word(verdict) == "deny"
    assert "hidden" not in repr(verdict)


def test_a_denial_never_shows_a_value_that_a_caller_sent():
    text = (
        f'{PERMIT}@id("r") @arguments("amount: long") {REFUND} when '
        "{ context.arguments has amount && context.arguments.amount * 2 > 10 };"
    )
    verdict = decide(text, call("billing.refund", {"amount": 2**62 + 12345}))
    assert verdict == Denial(("r",), "could not be evaluated: r")


def test_a_value_cannot_pass_for_the_name_of_a_rule():
    text = f'{PERMIT}@id("r") {CALL} when {{ context.purpose like "*`policy0`*" && context.taskCalls * 2 > 0 }};'
    verdict = decide(text, question("mail.send", purpose="`policy0`", task_calls=2**63 - 1))
    assert verdict == Denial(("r",), "could not be evaluated: r")


def test_a_policy_shows_neither_rules_nor_values_as_text():
    assert repr(policy_of(PERMIT)).startswith("CedarPolicy(1 rules, ")
    assert "17" not in repr(call("billing.refund", {"order": "o-17"}))
