"""Asking rules about a call with everything that tools have said, and without: the stricter answer counts (T-43)."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Final

from delegation.core.hearsay import heard_in
from delegation.core.trust import CatalogueTool
from delegation.policy.port import Consent, Denial, Permit, Policy, PolicyQuestion, SignIn, StepUp, Verdict
from delegation.policy.sign_in import together

_STRICTNESS: Final = (Permit, StepUp, SignIn, Denial)


def ask(policy: Policy, question: PolicyQuestion, consented: Callable[[tuple[Consent, ...]], bool]) -> Verdict:
    """Ask a policy; where it demands consent and that is there, once more with it."""
    verdict = policy.decide(question)
    if isinstance(verdict, StepUp) and consented(verdict.demands):
        return policy.decide(question._replace(approved=True))
    return verdict


def verdict_on(
    policy: Policy,
    question: PolicyQuestion,
    consented: Callable[[tuple[Consent, ...]], bool],
    *,
    undeclared: CatalogueTool | None = None,
) -> Verdict:
    """Ask a policy about a call; once more where people have consented, or the tool declares more than is listed.

    A rule may well permit what has an effect or a label, or what comes after it. No declaration shall be a way to that:
    it is asked about what the catalogue says alone, too, and the stricter answer counts (T-43).

    Args:
        policy: the rules.
        question: about the call, with what the tool declares.
        consented: tells whether everything is there that is demanded.
        undeclared: what the catalogue says of the tool alone, where the tool declares more.
    """
    return reduce(stricter, (ask(policy, each, consented) for each in both_ways(question, undeclared)))


def both_ways(question: PolicyQuestion, undeclared: CatalogueTool | None = None) -> tuple[PolicyQuestion, ...]:
    """Give a question with everything that tools have said, and without; just one where that makes no difference."""
    heard = heard_in(question.task_labels)
    if heard is None:
        return (question,) if undeclared is None else (question, question._replace(tool=undeclared))
    said = question._replace(
        task_labels=heard.labels | heard.declared_labels, task_effects=question.task_effects | heard.declared_effects
    )
    alone = question._replace(task_labels=heard.labels, tool=undeclared or question.tool)
    return (said,) if said == alone else (said, alone)


def stricter(one: Verdict, other: Verdict) -> Verdict:
    """Give what two answers about one call come to: everything that either of them demands."""
    if isinstance(one, Permit) and isinstance(other, Permit):
        return Permit(tuple(dict.fromkeys((*one.obligations, *other.obligations))))
    if isinstance(one, StepUp) and isinstance(other, StepUp):
        return StepUp(tuple(dict.fromkeys((*one.demands, *other.demands))))
    if isinstance(one, SignIn) and isinstance(other, SignIn):
        return together([one, other])
    return max(one, other, key=lambda answer: _STRICTNESS.index(type(answer)))
