"""How people write constraints: `exactly(5)`, `one_of("a", "b")`, `each(…)`, `not_(…)`.

What the decoder refuses is refused here already. Numbers and strings have pages of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from delegation.core import limits
from delegation.core.arguments import Arguments, Value
from delegation.core.constraints.addresses import Cidr
from delegation.core.constraints.decimals import exact_number, format_decimal
from delegation.core.constraints.family import Argument, Constraint
from delegation.core.constraints.lists import Each, ListContains, ListSubset
from delegation.core.constraints.logic import AllOf, AnyOf, Negation
from delegation.core.constraints.numbers import DecimalRange, DecimalText, IntegerRange
from delegation.core.constraints.objects import Fields
from delegation.core.constraints.paths import SubPath
from delegation.core.constraints.regex import Regex
from delegation.core.constraints.scalars import Anything, Exact, Scalar
from delegation.core.constraints.segments import SegmentGlob
from delegation.core.constraints.sets import NotOneOf, OneOf
from delegation.core.constraints.strings import Length, Prefix, check_string
from delegation.core.constraints.urls import Url
from delegation.errors import Reason, refusal


def _typed(value: object) -> Value:
    """Take a JSON-like value, or a Decimal, as a typed value that a constraint may hold."""
    if isinstance(value, Decimal):
        return exact_number(value)
    return _within_limits(Arguments.of({"value": value}).values["value"], limits.NESTING)


def _within_limits(value: Value, depth: int) -> Value:
    if depth == 0:
        raise refusal(Reason.NESTING_TOO_DEEP)
    if isinstance(value, str):
        check_string(value)
    elif isinstance(value, Decimal):
        format_decimal(value)
    elif isinstance(value, list):
        for member in value:
            _within_limits(member, depth - 1)
    elif isinstance(value, dict):
        for name, member in value.items():
            check_string(name)
            _within_limits(member, depth - 1)
    return value


def anything() -> Anything:
    """Allow every value."""
    return Anything()


def exactly(value: object) -> Exact:
    """Allow one JSON-like value; a Decimal stands for the number itself.

    Raises:
        NotPermitted: ARGUMENTS_INVALID for what is not JSON.
        Malformed: FIELD_INVALID for a string past 4,096 bytes, NESTING_TOO_DEEP past 16 levels.
    """
    return Exact(_typed(value))


def _scalars(values: tuple[object, ...]) -> OneOf:
    if len(values) > limits.SET_VALUES:
        raise refusal(Reason.TOO_MANY_VALUES)
    return OneOf.of(map(_scalar, values))


def _scalar(value: object) -> Scalar:
    taken = _typed(value)
    if isinstance(taken, list | dict):
        raise refusal(Reason.ARGUMENTS_INVALID, detail="a set takes scalars only")
    return taken


def one_of(*values: object) -> OneOf:
    """Allow any of these strings, numbers, booleans or None.

    Raises:
        Malformed: FIELD_INVALID without values, TOO_MANY_VALUES past 1,024.
        NotPermitted: ARGUMENTS_INVALID for what is not a scalar.
    """
    return _scalars(values)


def none_of(*values: object) -> NotOneOf:
    """Allow the strings, numbers and booleans that are none of these, of the types that occur among them.

    `none_of("admin")` allows every other string, and nothing that is not a string.

    Raises:
        Malformed: FIELD_INVALID without values or with None, TOO_MANY_VALUES past 1,024.
        NotPermitted: ARGUMENTS_INVALID for what is not a scalar.
    """
    return NotOneOf.of(_scalars(values))


def subset_of(*values: object) -> ListSubset:
    """Allow a list that has no members but these; the empty list, too. Raises as `one_of`."""
    return ListSubset(_scalars(values))


def containing(*values: object) -> ListContains:
    """Allow a list that has all of these among its members. Raises as `one_of`."""
    return ListContains(_scalars(values))


def each(constraint: object) -> Each:
    """Allow a list of which every member satisfies this."""
    return Each(constraint_of(constraint))


def fields(**constraints: object) -> Fields:
    """Allow an object with just these fields."""
    return Fields(arguments_of(constraints))


def optional(constraint: object) -> Argument:
    """Let an argument or field be left out."""
    return Argument(constraint_of(constraint), optional=True)


def all_of(*constraints: object) -> AllOf:
    """Allow what every one of these allows.

    Raises:
        Malformed: FIELD_INVALID for none, TOO_MANY_VALUES past 64.
    """
    return AllOf.of(tuple(map(constraint_of, constraints)))


def any_of(*constraints: object) -> AnyOf:
    """Allow what at least one of these allows.

    Raises:
        Malformed: FIELD_INVALID for none, TOO_MANY_VALUES past 64.
    """
    return AnyOf.of(tuple(map(constraint_of, constraints)))


def not_(constraint: object) -> Constraint:
    """Allow what a constraint speaks of and does not allow: `not_(under("/etc"))` still allows paths only.

    The negation of an any-of is an all-of of negations, and the other way round; that of a negation what it negates.

    Raises:
        Malformed: FIELD_INVALID for what cannot be negated: anything, None, `each`, `fields`.
    """
    negated = constraint_of(constraint)
    match negated:
        case AnyOf(constraints):
            return AllOf(tuple(map(not_, constraints)))
        case AllOf(constraints):
            return AnyOf(tuple(map(not_, constraints)))
        case Negation(inner):
            return inner
        case NotOneOf(excluded):
            return excluded
        case _:
            return Negation.of(negated)


FAMILY: Final = (
    Anything, Exact, OneOf, NotOneOf, IntegerRange, DecimalRange, DecimalText, Length, Prefix, SegmentGlob, SubPath,
    Url, Cidr, ListSubset, ListContains, Each, Fields, Regex, Negation, AllOf, AnyOf,
)  # fmt: skip
"""Every kind. It is closed: what is not of it is a value, or refused."""


def constraint_of(value: object) -> Constraint:
    """Take a constraint as it is; a plain value means exactly that value."""
    return value if isinstance(value, FAMILY) else exactly(value)


def argument_of(value: object) -> Argument:
    """Take what stands for an argument: an `optional(…)`, a constraint or a plain value."""
    return value if isinstance(value, Argument) else Argument(constraint_of(value))


def arguments_of(constraints: Mapping[str, Any]) -> dict[str, Argument]:
    """Take named arguments, sorted by name."""
    return {name: argument_of(constraints[name]) for name in sorted(constraints)}
