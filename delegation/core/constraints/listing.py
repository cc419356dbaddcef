"""Which constraints allow so few values that they can be listed, and which (SPEC N-7)."""

from __future__ import annotations

from collections.abc import Iterable

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.constraints.family import Constraint, Steps
from delegation.core.constraints.logic import AllOf
from delegation.core.constraints.numbers import DecimalRange, IntegerRange
from delegation.core.constraints.scalars import Exact
from delegation.core.constraints.sets import OneOf


def listed(constraint: Constraint, steps: Steps) -> Iterable[Value] | None:
    """List everything that a constraint allows, in the order of SPEC; None where that cannot be done.

    Raises:
        NotPermitted: EVALUATION_EXHAUSTED.
    """
    match constraint:
        case Exact():
            return (constraint.value,)
        case OneOf():
            return constraint.members()
        case IntegerRange(minimum=int(low), maximum=int(high)) if high - low < limits.COMPARED_INTEGERS:
            return range(low, high + 1)
        case DecimalRange(minimum=low, maximum=high) if low is not None and low == high:
            return (low,)
        case AllOf():
            return _listed_of_all(constraint, steps)
        case _:
            return None


def _listed_of_all(constraint: AllOf, steps: Steps) -> Iterable[Value] | None:
    """Ask about every value of the first constraint that can be listed, before any counts as listed."""
    source = _source(constraint, steps)
    values = None if source is None else listed(source, steps)
    return None if values is None else _allowed(constraint, values, steps)


def _source(constraint: AllOf, steps: Steps) -> Constraint | None:
    """Give the first constraint of an all-of that can be listed; looked for once, however many pairs ask for it."""
    known = steps.sources
    if known is None:
        known = steps.sources = {}
    found: Constraint | None
    if id(constraint) in known:
        found = known[id(constraint)]
    else:
        found = next((inner for inner in constraint.constraints if _can_be_listed(inner, steps)), None)
        known[id(constraint)] = found
    return found


def _can_be_listed(constraint: Constraint, steps: Steps) -> bool:
    if isinstance(constraint, AllOf):
        return _source(constraint, steps) is not None
    return isinstance(constraint, Exact | OneOf) or listed(constraint, steps) is not None


def _allowed(constraint: AllOf, values: Iterable[Value], steps: Steps) -> list[Value]:
    left = []
    for value in values:
        steps.take(1)
        if constraint.allows(value, steps):
            left.append(value)
    return left
