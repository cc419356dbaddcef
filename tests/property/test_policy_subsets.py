"""Leaving rules out, and handing over only what is read, never changes an answer.

Policies and questions are drawn; each question is decided as the service decides it, and again by all rules over
everything that is known of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from re import findall

from cedarpy import is_authorized
from hypothesis import given
from hypothesis import strategies as st

from delegation.core.tool_id import tool_id
from delegation.core.unlisted import entry_of
from delegation.policy.cedar import CedarPolicy
from delegation.policy.port import Action, Denial, Permit, PolicyQuestion, SignIn, StepUp, Verdict
from delegation.policy.rule import Rule
from delegation.policy.vocabulary import FIELDS
from support.policies import ADA, CATALOGUE, NOW_S, PLANNER, WORKER, call, policy_of, word

LISTED = sorted(tool_id(tool.audience, tool.tool) for tool in CATALOGUE.tools)
UNLISTED = ["web.get", "crm.write"]
HUGE = 2**62
TOO_FINE = "0.00001"
DENIALS = {"the argument": "unfit", "forbidden": "forbidden", "could not": "failed", "no rule": "not permitted"}

CONDITIONS = [
    'context.effects.contains("external")',
    'context.effects.contains("read") && context.taskLabels.contains("personal")',
    '(context.effects.contains("write") && context.effects.contains("privilege")) && context.depth > 1',
    'context.taskCalls * 4 > 10 && context.effects.contains("external")',
    'context.effects.contains("spends") && context.taskCalls * 4 > 10',
    '!context.effects.contains("read")',
    'context.effects.contains("read") || context.taskLabels.contains("secret")',
    'context.taskTools.contains("crm.read")',
    "context.approved",
    "context has callsLeft && context.callsLeft < 3",
    f'principal == Agent::"{WORKER}"',
]
GIVEN = [condition for condition in CONDITIONS if "approved" not in condition and "callsLeft" not in condition]
AMOUNT = 'context.arguments has amount && context.arguments.amount.lessThan(decimal("10.0"))'
PRINCIPALS = ["", "", "", " is Agent", *(f'{of} Agent::"{WORKER}"' for of in (" ==", " in", " is Agent in"))]
CALLS = ['action == Action::"call"', 'action in Action::"call"', 'action in [Action::"call"]']
ACTIONS = ["action", 'action == Action::"grant"', 'action in [Action::"grant", Action::"handOff"]']

SIGN_INS = ['@acr("phr")', '@acr("phrh phr")', '@acr("mfa")', '@acr("phr") @max_age("300")', '@max_age("60")']
SIGNED_IN = [
    ADA,
    ADA._replace(authentication_strength="phr"),
    ADA._replace(authentication_strength="phr", authenticated_at_ms=(NOW_S - 100) * 1000),
    ADA._replace(authentication_strength="mfa", authenticated_at_ms=NOW_S * 1000),
]


@st.composite
def resources(draw) -> str:
    type_ = draw(st.sampled_from(["Tool", "UnlistedTool"]))
    named = f'{type_}::"{draw(st.sampled_from(LISTED if type_ == "Tool" else UNLISTED))}"'
    forms = ["", "", "", f" is {type_}", f" == {named}", f" in {named}", f" is {type_} in {named}"]
    return draw(st.sampled_from(forms))


@st.composite
def rules(draw, number: int) -> str:
    forbids = draw(st.booleans())
    consent = forbids and draw(st.booleans())
    sign_in = forbids and not consent and draw(st.booleans())
    call = consent or draw(st.booleans())
    principal = draw(st.sampled_from(PRINCIPALS))
    action = draw(st.sampled_from(CALLS if call else ACTIONS))
    resource = draw(resources())
    known = CONDITIONS if call else GIVEN
    clause = st.tuples(st.sampled_from(["when", "unless"]), st.sampled_from(known))
    clauses = [f"{kind} {{ {condition} }}" for kind, condition in draw(st.lists(clause, max_size=2))]
    annotations = f'@id("r{number}")'
    if consent:
        annotations += ' @obligation("approve")'
    elif sign_in:
        annotations += f' @obligation("authenticate") {draw(st.sampled_from(SIGN_INS))}'
    elif not forbids and draw(st.booleans()):
        annotations += ' @obligation("notify")'
    if call and "::" in resource and draw(st.booleans()):
        annotations += ' @arguments("amount: decimal")'
        # It stands first: a rule that begins with an effect that its tool does not have reads no argument of it.
        clauses = [f"when {{ {AMOUNT} }}", *clauses] if draw(st.booleans()) else []
    effect = "forbid" if forbids else "permit"
    return f"{annotations} {effect} (principal{principal}, {action}, resource{resource}) {' '.join(clauses)};"


@st.composite
def policies(draw) -> CedarPolicy:
    count = draw(st.integers(1, 8))
    text = "\n".join(draw(rules(number)) for number in range(count))
    return policy_of(text + (' @id("base") permit (principal, action, resource);' if draw(st.booleans()) else ""))


@st.composite
def questions(draw) -> PolicyQuestion:
    audience, _, tool = draw(st.sampled_from(LISTED + UNLISTED)).partition(".")
    action = draw(st.sampled_from(Action))
    return PolicyQuestion(
        action,
        entry_of(CATALOGUE, audience, tool),
        CATALOGUE.find(audience, tool) is not None,
        draw(st.sampled_from(SIGNED_IN)),
        draw(st.sampled_from([(WORKER,), (PLANNER, WORKER), (WORKER, PLANNER)])),
        NOW_S,
        task_labels=frozenset(draw(st.sets(st.sampled_from(["public", "personal", "secret"])))),
        task_tools=frozenset(draw(st.sets(st.sampled_from(LISTED)))),
        task_calls=draw(st.sampled_from([0, 2, 3, HUGE])),
        calls_left=draw(st.none() | st.integers(0, 5)),
        arguments=draw(st.sampled_from([{}, {"amount": 5}, {"amount": 50}, {"amount": TOO_FINE}])),
        approved=action is Action.CALL and draw(st.booleans()),
    )


def by_all_rules(policy: CedarPolicy, question: PolicyQuestion) -> tuple[str, object]:
    """Decide by every rule as it was written, over every field; decimals as Cedar reads them."""
    name = tool_id(question.tool.audience, question.tool.tool)
    type_ = "Tool" if question.listed else "UnlistedTool"
    readers = [rule for rule in policy.rules if rule.says.arguments and rule.reach.covers(question.action, type_, name)]
    if readers and question.arguments.get("amount") == TOO_FINE:
        return "unfit", sorted(rule.id for rule in readers)
    rules = [rule for rule in policy.rules if not (question.approved and rule.says.consent)]
    verdict, named = evaluated(rules, question, type_, name)
    if verdict != "forbidden":
        return verdict, named
    forbidding = [rule for rule in rules if rule.id in named and not signed_in(rule, question)]
    if any(not (rule.says.consent or rule.says.sign_in) for rule in forbidding):
        return verdict, [rule.id for rule in forbidding]
    consents = [rule.id for rule in forbidding if rule.says.consent]
    held = [rule for rule in rules if not (rule.says.consent or rule.says.sign_in)]
    later = evaluated(held, question._replace(approved=question.approved or bool(consents)), type_, name)
    if later[0] != "permitted":
        return later
    if any(rule.says.sign_in for rule in forbidding):
        demanded = [rule for rule in rules if rule.id in named and rule.says.sign_in]
        return wanted(demanded), [rule.id for rule in demanded]
    return ("step-up", consents) if consents else later


def signed_in(rule: Rule, question: PolicyQuestion) -> bool:
    """Tell whether the principal has signed in as a rule demands; of those of `SIGNED_IN`, who all have a token."""
    who, demand = question.principal, rule.says.sign_in
    return (
        demand is not None
        and (not demand.acr_values or who.authentication_strength in demand.acr_values)
        and (demand.max_age_s is None or NOW_S - who.authenticated_at_ms / 1000 <= demand.max_age_s)
    )


def wanted(rules: Sequence[Rule]) -> str:
    """Give the one sign-in that these rules demand, in words."""
    named = [set(rule.says.sign_in.acr_values) for rule in rules if rule.says.sign_in.acr_values]
    if named and not set.intersection(*named):
        return "no sign-in"
    ages = [rule.says.sign_in.max_age_s for rule in rules if rule.says.sign_in.max_age_s]
    return f"sign-in {sorted(set.intersection(*named)) if named else []} {min(ages, default=None)}"


def evaluated(rules: Sequence[Rule], question: PolicyQuestion, type_: str, name: str) -> tuple[str, object]:
    context = {field: known.value(question) for field, known in FIELDS.items() if question.action in known.actions}
    context["arguments"] = {
        argument: {"__extn": {"fn": "decimal", "arg": f"{amount}.0"}}
        for argument, amount in question.arguments.items()
        if amount != TOO_FINE  # nobody reads it
    }
    request = {
        "principal": {"type": "Agent", "id": question.agents[-1]},
        "action": {"type": "Action", "id": str(question.action)},
        "resource": {"type": type_, "id": name},
        "context": {field: value for field, value in context.items() if value is not None},
    }
    result = is_authorized(request, "\n".join(rule.written.text for rule in rules), [])
    if result.diagnostics.errors:
        numbers = {int(number) for error in result.diagnostics.errors for number in findall(r"`policy(\d+)`", error)}
        return "failed", sorted(rules[number].id for number in numbers)
    named = sorted(rules[int(reason.removeprefix("policy"))].id for reason in result.diagnostics.reasons)
    if result.allowed:
        return "permitted", sorted(rule.id for rule in rules if rule.id in named and rule.says.obligation)
    return ("forbidden" if named else "not permitted"), named


def told(verdict: Verdict) -> tuple[str, object]:
    """Give a verdict in the words of `by_all_rules`."""
    match verdict:
        case Permit(obligations):
            return "permitted", [obligation.rule for obligation in obligations]
        case StepUp(demands):
            return "step-up", [consent.rule for consent in demands]
        case SignIn(named, acr_values, max_age_s):
            return f"sign-in {sorted(acr_values)} {max_age_s}", list(named)
        case Denial(named, detail):
            kinds = {
                "no one acr": "no sign-in",
                "the argument": "unfit",
                "forbidden": "forbidden",
                "could not": "failed",
                "no rule": "not permitted",
            }
            (kind,) = (kind for words, kind in kinds.items() if detail.startswith(words))
            return kind, sorted(named)


@given(policies(), st.lists(questions(), min_size=1, max_size=8))
def test_the_rules_that_are_left_decide_as_all_of_them_would(policy, asked):
    for question in asked:
        assert told(policy.decide(question)) == by_all_rules(policy, question), question


@given(policies(), questions())
def test_what_is_asked_again_is_answered_again(policy, question):
    assert policy.decide(question) == policy.decide(question)


LITERALS = [f'decimal("{text}")' for text in ("0.0", "-0.0", "-0.5", "9.9999", "922337203685477.5807", "-1.50", "7.0")]
DECIMALS = st.sampled_from([*LITERALS, "context.arguments.amount"])
COMPARED = st.one_of(
    st.builds("{}.{}({})".format, DECIMALS, st.sampled_from(["lessThan", "greaterThanOrEqual"]), DECIMALS),
    st.builds("{}.{}({})".format, DECIMALS, st.sampled_from(["lessThanOrEqual", "greaterThan"]), DECIMALS),
    st.builds("{} {} {}".format, DECIMALS, st.sampled_from(["==", "!="]), DECIMALS),
    st.builds("[{}, {}].contains({})".format, DECIMALS, DECIMALS, DECIMALS),
    st.builds("(if {0} == {1} then {0} else {2}) == {1}".format, DECIMALS, DECIMALS, DECIMALS),
)


@given(COMPARED, st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -5000, 99999, 70000]))
def test_decimals_compare_as_the_integers_that_they_are(condition, amount):
    text = f"""@id("r") @arguments("amount: decimal")
        permit (principal, action == Action::"call", resource == Tool::"billing.refund")
        when {{ context.arguments has amount && {condition} }};"""
    sign, digits = "-" if amount < 0 else "", f"{abs(amount):05}"
    decimal = f"{sign}{digits[:-4]}.{digits[-4:]}"
    asked = call("billing.refund", {"amount": Decimal(decimal)})
    request = {
        "principal": {"type": "Agent", "id": "a"},
        "action": {"type": "Action", "id": "call"},
        "resource": {"type": "Tool", "id": "billing.refund"},
        "context": {"arguments": {"amount": {"__extn": {"fn": "decimal", "arg": decimal}}}},
    }
    as_cedar_says = is_authorized(request, text, [])
    assert not as_cedar_says.diagnostics.errors
    assert (word(policy_of(text).decide(asked)) == "permit") is as_cedar_says.allowed
