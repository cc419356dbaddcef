"""Which constraints allow so few values that they can be listed, and which (SPEC N-7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

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
    listing = _LISTINGS.get(type(constraint))
    return None if listing is None else listing(constraint, steps)


def _integers(constraint: IntegerRange, _: Steps) -> Iterable[Value] | None:
    low, high = constraint.minimum, constraint.maximum
    if low is None or high is None or high - low >= limits.COMPARED_INTEGERS:
        return None
    return range(low, high + 1)


def _decimal(constraint: DecimalRange, _: Steps) -> Iterable[Value] | None:
    low = constraint.minimum
    return None if low is None or low != constraint.maximum else (low,)


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
    kind = type(constraint)
    return kind in _LISTINGS and (kind in {Exact, OneOf} or listed(constraint, steps) is not None)


def _allowed(constraint: AllOf, values: Iterable[Value], steps: Steps) -> list[Value]:
    left = []
    for value in values:
        steps.take(1)
        if constraint.allows(value, steps):
            left.append(value)
    return left


_LISTINGS: Final[dict[type, Callable[[Any, Steps], Iterable[Value] | None]]] = {
    Exact: lambda constraint, _: (constraint.value,),
    OneOf: lambda constraint, _: constraint.members(),
    IntegerRange: _integers,
    DecimalRange: _decimal,
    AllOf: _listed_of_all,
}
