"""Which constraint permits no more than which: `covers(parent, child)`.

Sound: if it says that the parent covers the child, no value is allowed by the child and refused by
the parent. As complete as is decidable; where it cannot be decided the answer is no, with the
reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from delegation.core import limits
from delegation.core.constraints.composites import Each, Fields
from delegation.core.constraints.family import Argument, Constraint, Steps
from delegation.core.constraints.numbers import DecimalRange, IntegerRange
from delegation.core.constraints.paths import SubPath
from delegation.core.constraints.scalars import Anything, Exact, OneOf, in_words
from delegation.errors import NotPermitted


def covers(parent: Constraint, child: Constraint) -> str | None:
    """Tell why the parent does not cover the child; None if it does.

    Returns:
        None when every value that the child allows is allowed by the parent, else one sentence.
    """
    rule = _RULES.get((type(parent), type(child)))
    if rule is not None:
        return rule(parent, child)
    if type(parent) is Anything or parent == child:
        return None
    members = _members(child)
    if members is not None:
        return _every_member(parent, members)
    if type(child) is Anything:
        return "anything is more than that"
    return f"{child.describe()} is not known to be within {parent.describe()}"


def arguments_covered(parent: Mapping[str, Argument], child: Mapping[str, Argument]) -> tuple[str, str] | None:
    """Tell which argument of a closed-world child grew, and why; None if none did."""
    for name, (constraint, optional) in child.items():
        permitted = parent.get(name)
        if permitted is None:
            return name, "the parent does not permit this argument"
        if optional and not permitted.optional:
            return name, "the parent requires this argument"
        why = covers(permitted.constraint, constraint)
        if why is not None:
            return name, why
    missing = [name for name in parent.keys() - child.keys() if not parent[name].optional]
    return (min(missing), "the parent requires this argument") if missing else None


def _members(child: Constraint) -> list[Any] | None:
    """List everything a child allows, where that is a short list."""
    if isinstance(child, Exact):
        return [child.value]
    if isinstance(child, OneOf):
        return list(child.members())
    if isinstance(child, IntegerRange) and child.minimum is not None and child.maximum is not None:
        if child.maximum - child.minimum < limits.COMPARED_INTEGERS:
            return list(range(child.minimum, child.maximum + 1))
    elif isinstance(child, DecimalRange) and child.minimum is not None and child.minimum == child.maximum:
        return [child.minimum]
    return None


def _every_member(parent: Constraint, members: list[Any]) -> str | None:
    steps = Steps()
    try:
        for member in members:
            if not parent.allows(member, steps):
                return f"{in_words(member)} is not {parent.describe()}"
    except NotPermitted:
        return "telling whether it is within takes too many steps"
    return None


def _sets(parent: OneOf, child: OneOf) -> str | None:
    if child.strings <= parent.strings and child.numbers <= parent.numbers and child.others <= parent.others:
        return None
    return _every_member(parent, list(child.members()))


def _integers(parent: IntegerRange, child: IntegerRange) -> str | None:
    low, high = parent.minimum, parent.maximum
    if low is not None and (child.minimum is None or child.minimum < low):
        return "the lower bound is lower"
    if high is not None and (child.maximum is None or child.maximum > high):
        return "the upper bound is higher"
    return None


def _decimals(parent: DecimalRange, child: DecimalRange | IntegerRange) -> str | None:
    if isinstance(child, IntegerRange):
        child = DecimalRange(child.minimum, child.maximum)
    if parent.minimum is not None:
        if child.minimum is None or child.minimum < parent.minimum:
            return "the lower bound is lower"
        if child.minimum == parent.minimum and parent.minimum_exclusive and not child.minimum_exclusive:
            return "the lower bound itself is not permitted"
    if parent.maximum is not None:
        if child.maximum is None or child.maximum > parent.maximum:
            return "the upper bound is higher"
        if child.maximum == parent.maximum and parent.maximum_exclusive and not child.maximum_exclusive:
            return "the upper bound itself is not permitted"
    return None


def _paths(parent: SubPath, child: SubPath) -> str | None:
    inner, outer = child.root, parent.root
    if outer in (inner, "/") or inner.startswith(outer + "/"):  # both are in normal form
        return None
    return f"{child.root} is not under {parent.root}"


def _each(parent: Each, child: Each) -> str | None:
    return covers(parent.member, child.member)


def _fields(parent: Fields, child: Fields) -> str | None:
    grown = arguments_covered(parent.fields, child.fields)
    return None if grown is None else f"field {grown[0]}: {grown[1]}"


_RULES: Final[dict[tuple[type, type], Callable[[Any, Any], str | None]]] = {
    (OneOf, OneOf): _sets,
    (IntegerRange, IntegerRange): _integers,
    (DecimalRange, DecimalRange): _decimals,
    (DecimalRange, IntegerRange): _decimals,
    (SubPath, SubPath): _paths,
    (Each, Each): _each,
    (Fields, Fields): _fields,
}
