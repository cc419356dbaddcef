"""Leaving rules out, and handing over only what is read, never changes an answer.

Policies and questions are drawn; each question is decided as the service decides it, and again by all rules over
everything that is known of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from delegation.core.tool_id import tool_id
from delegation.core.trust import Effect
from delegation.core.unlisted import entry_of
from delegation.policy.cedar import CedarPolicy
from delegation.policy.port import Action, Denial, PolicyQuestion, Verdict
from delegation.policy.subset import Evaluated, Kind, Subset
from delegation.policy.vocabulary import FIELDS
from support.policies import ADA, CATALOGUE, NOW_S, PLANNER, WORKER, policy_of

LISTED = sorted(tool_id(tool.audience, tool.tool) for tool in CATALOGUE.tools)
UNLISTED = ["web.get", "crm.write"]
HUGE = 2**62

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


@st.composite
def rules(draw, number: int) -> str:
    forbids = draw(st.booleans())
    consent = forbids and draw(st.booleans())
    call = consent or draw(st.booleans())
    action = 'action == Action::"call"' if call else draw(st.sampled_from(["action", 'action == Action::"grant"']))
    named = draw(st.sampled_from([f'Tool::"{name}"' for name in LISTED] + [f'UnlistedTool::"{n}"' for n in UNLISTED]))
    resource = draw(st.sampled_from(["", "", "", " is Tool", " is UnlistedTool", f" == {named}", f" in {named}"]))
    known = CONDITIONS if call else GIVEN
    clause = st.tuples(st.sampled_from(["when", "unless"]), st.sampled_from(known))
    clauses = [f"{kind} {{ {condition} }}" for kind, condition in draw(st.lists(clause, max_size=2))]
    annotations = f'@id("r{number}")'
    if consent:
        annotations += ' @obligation("approve")'
    elif not forbids and draw(st.booleans()):
        annotations += ' @obligation("notify")'
    if call and "::" in resource and draw(st.booleans()):
        annotations += ' @arguments("amount: decimal")'
        clauses.append(f"when {{ {AMOUNT} }}")
    effect = "forbid" if forbids else "permit"
    return f"{annotations} {effect} (principal, {action}, resource{resource}) {' '.join(clauses)};"


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
        ADA,
        draw(st.sampled_from([(WORKER,), (PLANNER, WORKER), (WORKER, PLANNER)])),
        NOW_S,
        task_labels=frozenset(draw(st.sets(st.sampled_from(["public", "personal", "secret"])))),
        task_tools=frozenset(draw(st.sets(st.sampled_from(LISTED)))),
        task_calls=draw(st.sampled_from([0, 2, 3, HUGE])),
        calls_left=draw(st.none() | st.integers(0, 5)),
        arguments=draw(st.sampled_from([{}, {"amount": 5}, {"amount": 50}, {"amount": "0.00001"}])),
        approved=action is Action.CALL and draw(st.booleans()),
    )


@dataclass
class Whole(CedarPolicy):
    """The same policy, deciding by all rules over all fields."""

    policy: CedarPolicy

    def __post_init__(self) -> None:
        super().__init__(self.policy.rules, digest=self.policy.digest)

    def subset(self, question: PolicyQuestion) -> Subset:
        name = tool_id(question.tool.audience, question.tool.tool)
        kind = Kind(question.action, "Tool" if question.listed else "UnlistedTool", name, frozenset(Effect))
        held = [rule for rule in self.rules if rule.says.consent is None]
        return Subset(
            whole=Evaluated.of(self.rules),
            lifted=Evaluated.of(held),
            answer=None,
            fields=tuple(name for name, field in FIELDS.items() if question.action in field.actions),
            arguments=Subset.of(self.rules, kind).arguments,
            reads_budgets=True,
        )


def comparable(verdict: Verdict) -> object:
    """Which rule reads an argument that does not fit is told of those that are left."""
    if isinstance(verdict, Denial) and verdict.detail.startswith("the argument"):
        return verdict.detail
    return verdict


@given(policies(), st.lists(questions(), min_size=1, max_size=8))
def test_the_rules_that_are_left_decide_as_all_of_them_would(policy, asked):
    whole = Whole(policy)
    for question in asked:
        assert comparable(policy.decide(question)) == comparable(whole.decide(question)), question


@given(policies(), questions())
def test_what_is_asked_again_is_answered_again(policy, question):
    assert policy.decide(question) == policy.decide(question)
