"""Deciding by Cedar rules, in process.

Whatever is not a clear answer denies: Cedar itself skips a rule that it cannot evaluate, a `forbid` among them, and
answers Allow. So one error among the diagnostics is a denial, whatever the decision says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from delegation.core.tool_id import tool_id
from delegation.core.trust import CatalogueTool
from delegation.policy.answers import Answers, Asked
from delegation.policy.arguments import UnfitError
from delegation.policy.engine import is_failure
from delegation.policy.port import (
    Action,
    Concern,
    Denial,
    Permit,
    PolicyQuestion,
    Reads,
    SignIn,
    StepUp,
    Verdict,
)
from delegation.policy.rule import Rule
from delegation.policy.sign_in import together
from delegation.policy.subset import NOT_PERMITTED, Evaluated, Kind, Subset, obligations_of
from delegation.policy.vocabulary import (
    BUDGETS_LEFT,
    HISTORY,
    OF_SIGN_INS,
    OF_THE_AGENT,
    OF_THE_TASK,
    OWNER,
    TOOL,
    UNLISTED_TOOL,
)

_FAILED: Final = re.compile(r"error while evaluating policy `([^`]*)`")
_SHOWN: Final = 8
"""Rules that a denial's words name; its data names all."""


class _Liftable(NamedTuple):
    """It is forbidden by rules alone that consent or a sign-in lifts."""

    rules: tuple[Rule, ...]


class CedarPolicy:
    """A policy of Cedar rules that were read and checked by `load`."""

    def __init__(self, rules: Sequence[Rule], *, digest: bytes) -> None:
        self.rules = tuple(rules)
        self._digest = digest
        self._named = {(rule.reach.tool_type, rule.reach.tool) for rule in rules if rule.reach.tool is not None}
        self._answers = Answers()
        # One for each kind of question, made when the first is asked: there are at most as many as tools and effects.
        self._subsets: dict[Kind, Subset] = {}

    @property
    def digest(self) -> bytes:
        """SHA-256 of the policy's text, 32 bytes."""
        return self._digest

    def __repr__(self) -> str:
        return f"CedarPolicy({len(self.rules)} rules, {self._digest.hex()[:16]})"

    def decide(self, question: PolicyQuestion) -> Verdict:
        """Decide; as `Policy.decide`."""
        try:
            return self._decide(question)
        except BaseException as error:
            if not is_failure(error):
                raise
            return Denial((), "the policy engine failed")

    @property
    def reads_history(self) -> bool:
        """Whether any rule reads which calls were made before."""
        return any(rule.reads & HISTORY for rule in self.rules)

    @property
    def reads_agents(self) -> bool:
        """Whether any rule reads what an agent did lately."""
        return any(rule.reads & OF_THE_AGENT for rule in self.rules)

    def permits_all(self, action: Action) -> bool:
        """Tell whether the rules about an action all permit, and one of them whatever holds."""
        about = [rule for rule in self.rules if action in rule.reach.actions]
        return not any(rule.forbids for rule in about) and any(
            rule.always and rule.reach.tool_type is None and rule.reach.tool is None for rule in about
        )

    def sign_in(self, rules: Collection[str]) -> SignIn | None:
        """Give the one sign-in that these rules demand; as `Policy.sign_in`."""
        demands = [rule.says.sign_in for rule in self.rules if rule.id in rules and rule.says.sign_in is not None]
        verdict = together(demands) if demands and len(demands) == len(set(rules)) else None
        return verdict if isinstance(verdict, SignIn) else None

    def concern(self, action: Action, tool: CatalogueTool, *, listed: bool) -> Concern:
        """Tell what the rules have to do with a tool."""
        subset = self._subset(action, tool, listed=listed)
        return Concern(
            subset.answer,
            reads_owner=OWNER in subset.fields,
            reads_task=not OF_THE_TASK.isdisjoint(subset.fields),
            reads_agent=not OF_THE_AGENT.isdisjoint(subset.fields),
        )

    def reads(self, action: Action, tool: CatalogueTool, *, listed: bool) -> Reads:
        """Tell what the rules that can matter to a tool read."""
        subset = self._subset(action, tool, listed=listed)
        words = {*subset.fields, *([BUDGETS_LEFT] if subset.reads_budgets else ())}
        if subset.held is not subset.lifted:
            words |= OF_SIGN_INS
        return Reads(frozenset(words), frozenset(subset.arguments))

    def subset(self, question: PolicyQuestion) -> Subset:
        """Give the rules that can matter to a question."""
        return self._subset(question.action, question.tool, listed=question.listed)

    def _subset(self, action: Action, entry: CatalogueTool, *, listed: bool) -> Subset:
        tool = tool_id(entry.audience, entry.tool)
        tool_type = TOOL if listed else UNLISTED_TOOL
        named = tool if (tool_type, tool) in self._named else None
        kind = Kind(action, tool_type, named, entry.effects)
        found = self._subsets.get(kind)
        if found is None:
            found = self._subsets[kind] = Subset.of(self.rules, kind)
        return found

    def _decide(self, question: PolicyQuestion) -> Verdict:
        subset = self.subset(question)
        if subset.answer is not None:
            return subset.answer
        try:
            context = subset.context(question)
        except UnfitError as error:
            readers = (rule.id for rule in subset.whole.rules.values() if error.argument in rule.says.arguments)
            return Denial(tuple(sorted(readers)), str(error))
        answer = self._answer(question, subset.lifted if question.approved else subset.whole, context)
        return self._lacking(question, subset, answer.rules) if isinstance(answer, _Liftable) else answer

    def _lacking(self, question: PolicyQuestion, subset: Subset, rules: Sequence[Rule]) -> Verdict:
        """Say what lifts these rules, which forbid and are all that does; a permission, if all of it is there.

        People are asked only for what permits the call then: to sign in, and once that is done, to consent.
        """
        consents = tuple(sorted(rule.says.consent for rule in rules if rule.says.consent is not None))
        sign_ins = [rule.says.sign_in for rule in rules if rule.says.sign_in is not None]
        then = question._replace(approved=question.approved or bool(consents))
        lifted = self._answer(then, subset.held, subset.context(then))
        if isinstance(lifted, _Liftable):  # no rule of these is left there
            return Denial((), "the policy could not be evaluated")
        if not isinstance(lifted, Permit):
            return lifted
        if not all(_signed_in(question, rule) for rule in rules if rule.says.sign_in is not None):
            return together(sign_ins)
        return StepUp(consents) if consents else lifted

    def _answer(
        self, question: PolicyQuestion, evaluated: Evaluated, context: dict[str, Any]
    ) -> Permit | Denial | _Liftable:
        """Have rules evaluated."""
        tool = tool_id(question.tool.audience, question.tool.tool)
        tool_type = TOOL if question.listed else UNLISTED_TOOL
        asked = Asked(
            evaluated.policies, question.agents[-1], str(question.action), tool_type, tool, json.dumps(context)
        )
        decision, reasons, errors = self._answers.to(asked)
        if errors:
            return _failed(evaluated, errors)
        determining = [evaluated.rules[name] for name in reasons]
        if decision == "Allow" and determining:
            return Permit(obligations_of(determining))
        if decision == "Deny":
            return _denied(question, determining)
        return Denial((), "the policy engine gave no decision")


def _denied(question: PolicyQuestion, determining: Sequence[Rule]) -> Denial | _Liftable:
    if not determining:
        return NOT_PERMITTED
    if all(rule.says.consent is not None or rule.says.sign_in is not None for rule in determining):
        return _Liftable(tuple(determining))
    counting = (rule for rule in determining if not _signed_in(question, rule))
    ids = tuple(sorted(rule.id for rule in counting))
    return Denial(ids, f"forbidden by {_names(ids)}")


def _signed_in(question: PolicyQuestion, rule: Rule) -> bool:
    demand = rule.says.sign_in
    return demand is not None and demand.lifted_by(question.principal, question.now_s)


def _failed(evaluated: Evaluated, errors: Sequence[str]) -> Denial:
    """Name the rules that could not be evaluated; the engine's own words may hold values."""
    named = {match[1] for error in errors if (match := _FAILED.match(error)) is not None}
    ids = tuple(sorted(named & evaluated.rules.keys()))
    return Denial(ids, f"could not be evaluated: {_names(ids)}" if ids else "the policy could not be evaluated")


def _names(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return ", ".join(ids[:_SHOWN]) + more
