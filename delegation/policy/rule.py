"""One rule, read: to what it may apply, what it reads, and what it demands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from delegation.policy.annotations import Annotations
from delegation.policy.engine import cedar, is_failure
from delegation.policy.scope import Reach, read_scope
from delegation.policy.source import Fault, Written
from delegation.policy.vocabulary import ARGUMENTS, BUDGETS_LEFT, FIELDS

EVERYTHING: Final = frozenset({*FIELDS, ARGUMENTS, BUDGETS_LEFT})
EXPRESSION_DEPTH: Final = 124
"""Lists and objects in one another, in a rule as Cedar's JSON has it; each operator makes two. The engine gives deeper
ones, and does not take them back: it reads JSON of 128, with what stands around a rule."""

UNKNOWN: Final = "the engine reads it as something that is not known here"

_MEMBERS: Final = frozenset({"effect", "principal", "action", "resource", "conditions", "annotations"})


class Rule(NamedTuple):
    """One rule of a policy.

    Attributes:
        written: where it stands, and its text.
        forbids: whether it forbids; else it permits.
        reach: to what it may apply, as its scope has it.
        always: whether it applies to all that it reaches, whoever acts and whatever else holds; False: nobody knows.
        reads: the fields of `context` that it may read.
        says: its annotations.
        parsed: all of it, as Cedar's JSON has it.
    """

    written: Written
    forbids: bool
    reach: Reach
    always: bool
    reads: frozenset[str]
    says: Annotations
    parsed: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its name."""
        return self.says.id

    @property
    def conditions(self) -> Sequence[Mapping[str, Any]]:
        """Its `when` and `unless`, in their order, as Cedar's JSON has them."""
        return self.parsed["conditions"]  # type: ignore[no-any-return]

    def wrong(self, reason: str) -> Fault:
        """Say what is wrong with it."""
        return self.written.wrong(reason, self.id)


def read_rule(written: Written) -> Rule | Fault:
    """Read a rule; of one that says nothing, or more than one thing, what is wrong.

    Raises:
        ConfigError: the extra is not installed.
    """
    if written.fault:
        return written.wrong(written.fault)
    engine = cedar()
    try:
        return rule_of(written, json.loads(engine.policies_to_json_str(written.text)))
    except ValueError as error:
        return written.wrong(str(error) or type(error).__name__)
    except BaseException as error:
        if not is_failure(error):
            raise
        return written.wrong(f"{UNKNOWN} ({type(error).__name__})")


def rule_of(written: Written, parsed: Mapping[str, Any]) -> Rule | Fault:
    """Take a rule as the engine has read it, in Cedar's JSON; of one that is not of the shape known here, say so."""
    if parsed["templates"]:
        return written.wrong("a rule has no slots: write whom or what it is about")
    rules = list(parsed["staticPolicies"].values())
    if len(rules) != 1:
        return written.wrong("there is no rule before the semicolon")
    (rule,) = rules
    if _deeper_than(EXPRESSION_DEPTH, rule):
        return written.wrong(
            "its expression is nested too deep, or has too many operators in a row: write several rules"
        )
    if rule["effect"] not in {"permit", "forbid"} or rule.keys() - _MEMBERS:
        return written.wrong(UNKNOWN)
    forbids, conditions = rule["effect"] == "forbid", rule["conditions"]
    scope = read_scope(rule["principal"], rule["action"], rule["resource"])
    return Rule(
        written=written,
        forbids=forbids,
        reach=scope.reach,
        always=scope.exact and not conditions,
        reads=_reads(conditions),
        says=Annotations.read(rule.get("annotations", {}), forbids=forbids),
        parsed=rule,
    )


def _deeper_than(limit: int, value: Any) -> bool:
    """Tell whether lists and objects are nested deeper; without recursing itself."""
    level = [value]
    for _ in range(limit):
        level = [
            inside
            for outer in level
            for inside in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inside, dict | list)
        ]
        if not level:
            return False
    return True


def _reads(expression: Any) -> frozenset[str]:
    """Tell which fields of `context` an expression may read: all of them, where it takes `context` as a whole."""
    if isinstance(expression, list):
        return frozenset().union(*map(_reads, expression))
    if not isinstance(expression, dict):
        return frozenset()
    if expression == {"Var": "context"}:
        return EVERYTHING
    for operator in (".", "has"):
        inside = expression.get(operator)
        if isinstance(inside, dict) and inside.get("left") == {"Var": "context"} and isinstance(inside["attr"], str):
            return frozenset({inside["attr"]})
    return frozenset().union(*map(_reads, expression.values()))
