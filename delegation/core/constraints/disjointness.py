"""Whether a constraint allows nothing that another allows, as far as SPEC N-7 asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from delegation.core.arguments import Value
from delegation.core.constraints.addresses import Cidr
from delegation.core.constraints.family import Constraint, Steps
from delegation.core.constraints.logic import Negation
from delegation.core.constraints.numbers import DecimalRange, IntegerRange
from delegation.core.constraints.paths import SubPath, lies_in
from delegation.core.constraints.scalars import Exact
from delegation.core.constraints.sets import NotOneOf, OneOf
from delegation.core.constraints.strings import Prefix

Covers = Callable[[Constraint, Constraint, Steps], str | None]


def negated(constraint: Constraint) -> Constraint | None:
    """Give what a negative constraint negates; None for one that is not negative."""
    if type(constraint) is Negation:
        return constraint.constraint
    return constraint.excluded if type(constraint) is NotOneOf else None


def disjoint(child: Constraint, other: Constraint, steps: Steps, covers: Covers) -> bool:
    """Tell whether a child is disjoint from what its parent negates; where SPEC does not say so, it is not.

    Raises:
        NotPermitted: EVALUATION_EXHAUSTED.
    """
    if isinstance(other, Exact):
        return _allows_none(child, (other.value,), steps)
    if isinstance(other, OneOf):
        return _allows_none(child, other.members(), steps)
    apart = _APART.get((type(other), type(child)))
    if apart is not None:
        return apart(other, child)
    inner = negated(child)
    return inner is not None and covers(inner, other, steps) is None


def _allows_none(child: Constraint, values: Iterable[Value], steps: Steps) -> bool:
    for value in values:
        steps.take(1)
        if child.allows(value, steps):
            return False
    return True


def _numbers_apart(one: IntegerRange | DecimalRange, other: IntegerRange | DecimalRange) -> bool:
    """Tell whether the bounds of two ranges leave no number, integer or not, to both."""
    return _below(one, other) or _below(other, one)


def _below(lower: IntegerRange | DecimalRange, upper: IntegerRange | DecimalRange) -> bool:
    high, low = lower.maximum, upper.minimum
    if high is None or low is None:
        return False
    excluded = (isinstance(lower, DecimalRange) and lower.maximum_exclusive) or (
        isinstance(upper, DecimalRange) and upper.minimum_exclusive
    )
    return high < low or (excluded and high == low)


def _paths_apart(one: SubPath, other: SubPath) -> bool:
    return not lies_in(one.root, other.root) and not lies_in(other.root, one.root)


def _beginnings_apart(one: Prefix, other: Prefix) -> bool:
    return not one.text.startswith(other.text) and not other.text.startswith(one.text)


def _networks_apart(one: Cidr, other: Cidr) -> bool:
    return not one.contains(other) and not other.contains(one)


_APART: Final[dict[tuple[type, type], Callable[[Any, Any], bool]]] = {
    (IntegerRange, IntegerRange): _numbers_apart,
    (IntegerRange, DecimalRange): _numbers_apart,
    (DecimalRange, IntegerRange): _numbers_apart,
    (DecimalRange, DecimalRange): _numbers_apart,
    (SubPath, SubPath): _paths_apart,
    (Prefix, Prefix): _beginnings_apart,
    (Cidr, Cidr): _networks_apart,
}
