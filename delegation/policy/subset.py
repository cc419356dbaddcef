"""The rules that can matter to one kind of question, ready to be evaluated.

A rule is left out only where its answer is known beforehand: its scope names another action or tool, or it begins with
an effect that the tool does not have. What no rule that is left reads is not handed over. The answer is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from delegation.core.trust import Effect
from delegation.policy.arguments import ArgumentType, arguments_in_cedar, budgets_in_cedar
from delegation.policy.decimals import with_integers
from delegation.policy.engine import cedar
from delegation.policy.port import Action, Denial, Obligation, Permit, PolicyQuestion
from delegation.policy.rule import Rule
from delegation.policy.vocabulary import ARGUMENTS, BUDGETS_LEFT, FIELDS

NOT_PERMITTED: Final = Denial((), "no rule permits it")


class Kind(NamedTuple):
    """What questions have in common to which the same rules can matter.

    Attributes:
        action: what is about to happen.
        tool_type: the entity type of the tool.
        tool: its `tool_id`, if a rule names it; else None.
        effects: what it does.
    """

    action: Action
    tool_type: str
    tool: str | None
    effects: frozenset[Effect]


class Evaluated(NamedTuple):
    """Rules by their ids, and as the engine takes them."""

    rules: Mapping[str, Rule]
    policies: Any

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Evaluated:
        """Have the engine read them."""
        parsed = {rule.id: {**rule.parsed, "conditions": with_integers(rule.conditions)} for rule in rules}
        text = json.dumps({"staticPolicies": parsed, "templates": {}, "templateLinks": []})
        return cls({rule.id: rule for rule in rules}, cedar().PolicySet.from_json_str(text))


class Subset(NamedTuple):
    """The rules that can matter.

    Attributes:
        whole: all of them.
        lifted: those that hold even if everybody consents.
        held: those that hold even if everybody consents and the principal signs in.
        answer: the answer that is always the same; None: the engine has to be asked.
        fields: what they read of `context`.
        arguments: what they read of the arguments.
        reads_budgets: whether they read what is left of budgets.
    """

    whole: Evaluated
    lifted: Evaluated
    held: Evaluated
    answer: Permit | Denial | None
    fields: tuple[str, ...]
    arguments: Mapping[str, ArgumentType]
    reads_budgets: bool

    @classmethod
    def of(cls, rules: Sequence[Rule], kind: Kind) -> Subset:
        """Choose from all rules those that can matter to a kind of question."""
        chosen = [
            rule
            for rule in rules
            if rule.reach.covers(kind.action, kind.tool_type, kind.tool) and not _never(rule, kind.effects)
        ]
        reads = frozenset().union(*(rule.reads for rule in chosen))
        whole = Evaluated.of(chosen)
        unasked = [rule for rule in chosen if rule.says.consent is None]
        lifted = whole if len(unasked) == len(chosen) else Evaluated.of(unasked)
        held = [rule for rule in unasked if rule.says.sign_in is None]
        return cls(
            whole=whole,
            lifted=lifted,
            held=lifted if len(held) == len(unasked) else Evaluated.of(held),
            answer=_known_answer(chosen),
            fields=tuple(name for name, field in FIELDS.items() if name in reads and kind.action in field.actions),
            arguments={name: type_ for rule in chosen for name, type_ in rule.says.arguments.items()},
            reads_budgets=BUDGETS_LEFT in reads,
        )

    def context(self, question: PolicyQuestion) -> dict[str, Any]:
        """Give what the rules read of a question, as Cedar's JSON.

        Raises:
            UnfitError: an argument, or what is left of a budget, is nothing that Cedar can hold exactly.
        """
        found = {}
        for name in self.fields:
            value = FIELDS[name].value(question)
            if value is not None:
                found[name] = value
        if self.arguments:
            found[ARGUMENTS] = arguments_in_cedar(self.arguments, question.arguments)
            if self.reads_budgets:
                found[BUDGETS_LEFT] = budgets_in_cedar(self.arguments, question.budgets_left)
        return found


def _known_answer(rules: Sequence[Rule]) -> Permit | Denial | None:
    """Give the answer, where it depends on nothing any more: on no argument either, which may be of another type."""
    if not rules:
        return NOT_PERMITTED
    if all(rule.always and not rule.forbids and not rule.says.arguments for rule in rules):
        return Permit(obligations_of(rules))
    return None


def obligations_of(rules: Sequence[Rule]) -> tuple[Obligation, ...]:
    """Give what rules that permit demand, sorted."""
    found = [Obligation(rule.says.obligation, rule.id) for rule in rules if rule.says.obligation is not None]
    return tuple(sorted(found))


def _never(rule: Rule, effects: frozenset[Effect]) -> bool:
    """Tell that a rule never applies to a tool: of what it evaluates first, something is an effect of other tools.

    Nothing that could fail stands before it, so that leaving the rule out hides no error.
    """
    for conjunct in _conjuncts(rule.conditions):
        match conjunct:
            case {
                "contains": {
                    "left": {".": {"left": {"Var": "context"}, "attr": "effects"}},
                    "right": {"Value": str(effect)},
                }
            }:
                if effect not in effects:
                    return True
            case _:
                return False
    return False


def _conjuncts(conditions: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """Give what all has to hold, in the order in which it is evaluated; up to the first `unless`."""
    for condition in conditions:
        if condition["kind"] != "when":
            return
        yield from _ands(condition["body"])


def _ands(expression: Any) -> Iterator[Any]:
    match expression:
        case {"&&": {"left": left, "right": right}}:
            yield from _ands(left)
            yield from _ands(right)
        case _:
            yield expression
