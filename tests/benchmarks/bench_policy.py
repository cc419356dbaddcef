"""Deciding by policy: what one question takes, by how many rules, and how many of them can matter to it."""

from __future__ import annotations

from typing import Final

from bench_kernel import raw
from measure import ROUNDS, MeasurementFailedError, Subject, interleaved, one_core
from report import Row

from delegation.core.trust import Effect
from delegation.policy.cedar import CedarPolicy
from delegation.policy.load import default_policy
from delegation.policy.port import PolicyQuestion
from support.policies import CATALOGUE, PERMIT, call, policy_of, question, word

BAR_US: Final = 120
RULES: Final = 50
_CALLS: Final = 16
_LOST: Final = 3
"""Microseconds: fewer than crossing to the engine and back takes."""

_TOOLS: Final = ("billing.refund", "mail.send", "crm.read", "iam.add_role", "docs.read")
_FORBID: Final = 'forbid (principal, action == Action::"call", '


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all of them."""
    rounds = 3 if quick else ROUNDS
    task = {"task_labels": frozenset({"internal"}), "task_effects": frozenset({Effect.READ}), "task_calls": 3}
    mail, refund = question("mail.send", **task), call("billing.refund", {"amount": "20.00", "order": "o-17"}, **task)
    shipped = default_policy(CATALOGUE)
    subjects = {
        "raw": raw(),
        "shipped": _asked(shipped, mail),
        "mixed": _asked(_policy(every_tool=10), refund),
        "general": _asked(_policy(every_tool=RULES), refund),
        "known": _asked(shipped, question("docs.read", **task)),
        "again": Subject(lambda _: shipped.decide(mail), _CALLS),
        "step-up": _asked(shipped, mail._replace(task_labels=frozenset({"secret"})), "step-up"),
    }
    with one_core():
        samples = interleaved(subjects, rounds=rounds)
    found = {name: samples.median(name) for name in subjects}
    return [
        Row("policy, the one that is shipped", found["shipped"], "µs", BAR_US, possible_from=_LOST),
        Row(f"policy, {RULES} rules, 10 of them about every tool", found["mixed"], "µs", BAR_US, possible_from=_LOST),
        Row(f"policy, {RULES} rules, all about every tool", found["general"], "µs", BAR_US, possible_from=_LOST),
        Row("policy, a step-up by the one that is shipped", found["step-up"], "µs", possible_from=_LOST),
        Row("policy, shipped, a tool that only reads", found["known"], "µs"),
        Row("policy, shipped, a question that was asked before", found["again"], "µs"),
        Row("policy, 10 rules about every tool, by verifications", samples.ratio("mixed", "raw"), "x raw"),
        Row(f"policy, {RULES} rules about every tool, by verifications", samples.ratio("general", "raw"), "x raw"),
    ]


def _asked(policy: CedarPolicy, asked: PolicyQuestion, expected: str = "permit") -> Subject:
    """Decide one question after another, each of another agent, having seen that the answer is right."""
    if word(policy.decide(asked)) != expected:
        raise MeasurementFailedError(f"{policy} answers {policy.decide(asked)}")
    return Subject(lambda number: policy.decide(asked._replace(agents=(*asked.agents, f"agent {number}"))), _CALLS)


def _policy(*, every_tool: int) -> CedarPolicy:
    """Make a policy of so many rules about every tool, and others about one tool each; none of them applies."""
    named = [_about_a_tool(_TOOLS[number % len(_TOOLS)], number) for number in range(RULES - every_tool)]
    policy = policy_of(PERMIT + "\n".join([_about_every_tool(number) for number in range(every_tool - 1)] + named))
    if len(policy.rules) != RULES:
        raise MeasurementFailedError(f"{len(policy.rules)} rules")
    return policy


def _about_every_tool(number: int) -> str:
    conditions = (
        f'context.effects.contains("external") && context.taskLabels.contains("personal") && context.depth > {number}',
        f'context.taskLabels.containsAny(["personal", "secret"]) && context.taskCalls > {number}',
        f'context.taskEffects.contains("privilege") && context.taskDenials > {number}',
        f"context.taskCalls > {100 + number}",
        f'context.taskLabels.contains("internal") && context.depth > {10 + number}',
    )
    return f'@id("every-{number}") {_FORBID} resource) when {{ {conditions[number % len(conditions)]} }};'


def _about_a_tool(tool: str, number: int) -> str:
    return (
        f'@id("tool-{number}") @arguments("amount: decimal") {_FORBID} resource == Tool::"{tool}") when {{ '
        f'context.arguments has amount && context.arguments.amount.greaterThan(decimal("{50 + number}.00")) }};'
    )
