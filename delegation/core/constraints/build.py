"""How people write constraints: `one_of("a", "b")`, `at_most("50.00")`, `under("/srv/docs")`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from delegation.core import limits
from delegation.core.arguments import Arguments, Value
from delegation.core.constraints.composites import Each, Fields
from delegation.core.constraints.decimals import exact_number
from delegation.core.constraints.family import Argument, Constraint
from delegation.core.constraints.numbers import DecimalRange, IntegerRange, is_empty
from delegation.core.constraints.paths import SubPath, is_normal_path
from delegation.core.constraints.scalars import Anything, Exact, OneOf
from delegation.errors import Reason, refusal


def _typed(value: object) -> Value:
    """Take a JSON-like value, or a Decimal, as a typed value."""
    if isinstance(value, Decimal):
        return exact_number(value)
    return Arguments.of({"value": value}).values["value"]


def anything() -> Anything:
    """Allow every value."""
    return Anything()


def exactly(value: object) -> Exact:
    """Allow one JSON-like value; a Decimal stands for the number itself.

    Raises:
        NotPermitted: ARGUMENTS_INVALID for what is not JSON.
    """
    return Exact(_typed(value))


def one_of(*values: object) -> OneOf:
    """Allow any of these strings, numbers, booleans or None.

    Raises:
        Malformed: FIELD_INVALID without values, TOO_MANY_VALUES past 1,024.
        NotPermitted: ARGUMENTS_INVALID for what is not a scalar.
    """
    if not values:
        raise refusal(Reason.FIELD_INVALID, detail="one_of needs a value")
    if len(values) > limits.SET_VALUES:
        raise refusal(Reason.TOO_MANY_VALUES)
    strings: set[str] = set()
    numbers: set[int | Decimal] = set()
    others: set[bool | None] = set()
    for value in map(_typed, values):
        if isinstance(value, str):
            strings.add(value)
        elif isinstance(value, bool) or value is None:
            others.add(value)
        elif isinstance(value, int | Decimal):
            numbers.add(value)
        else:
            raise refusal(Reason.ARGUMENTS_INVALID, detail="one_of takes scalars only")
    return OneOf(frozenset(strings), frozenset(numbers), frozenset(others))


def _range(minimum: object, maximum: object) -> IntegerRange | DecimalRange:
    """Make an integer range of ints, and a range of exact decimals of everything else."""
    given = [bound for bound in (minimum, maximum) if bound is not None]
    low = None if minimum is None else exact_number(minimum)
    high = None if maximum is None else exact_number(maximum)
    if not given or is_empty(low, high):
        raise refusal(Reason.FIELD_INVALID, detail="a range without a bound, or with nothing in it")
    if all(type(bound) is int for bound in given):
        if not all(abs(bound) <= limits.SAFE_INTEGER for bound in given):  # type: ignore[arg-type]
            raise refusal(Reason.FIELD_INVALID, detail="an integer outside ±(2^53-1)")
        return IntegerRange(low, high)  # type: ignore[arg-type]  # exact_number keeps an int
    return DecimalRange(low, high)


def at_most(maximum: str | float | Decimal) -> IntegerRange | DecimalRange:
    """Allow numbers up to this: integers for an int, any number for "50.00", 0.5 or a Decimal.

    Raises:
        Malformed: FIELD_INVALID for what is not an exact number.
    """
    return _range(None, maximum)


def at_least(minimum: str | float | Decimal) -> IntegerRange | DecimalRange:
    """Allow numbers from this on; as `at_most`."""
    return _range(minimum, None)


def between(minimum: str | float | Decimal, maximum: str | float | Decimal) -> IntegerRange | DecimalRange:
    """Allow numbers from one bound to the other, both included; as `at_most`."""
    return _range(minimum, maximum)


def under(root: str) -> SubPath:
    """Allow a directory and every path below it.

    Raises:
        Malformed: FIELD_INVALID if it is not an absolute path in normal form.
    """
    path = root if root == "/" else root.rstrip("/")
    if not is_normal_path(path) or len(path) > limits.TEXT_BYTES:
        raise refusal(Reason.FIELD_INVALID, detail="not an absolute path in normal form")
    return SubPath(path)


def each(constraint: object) -> Each:
    """Allow a list of which every member satisfies this."""
    return Each(constraint_of(constraint))


def fields(**constraints: object) -> Fields:
    """Allow an object with just these fields."""
    return Fields({name: argument_of(value) for name, value in constraints.items()})


def optional(constraint: object) -> Argument:
    """Let an argument or field be left out."""
    return Argument(constraint_of(constraint), optional=True)


_FAMILY = (Anything, Exact, OneOf, IntegerRange, DecimalRange, SubPath, Each, Fields)


def constraint_of(value: object) -> Constraint:
    """Take a constraint as it is; a plain value means exactly that value."""
    return value if isinstance(value, _FAMILY) else exactly(value)


def argument_of(value: object) -> Argument:
    """Take what stands for an argument: an `optional(…)`, a constraint or a plain value."""
    return value if isinstance(value, Argument) else Argument(constraint_of(value))


def arguments_of(constraints: Mapping[str, Any]) -> dict[str, Argument]:
    """Take named arguments, sorted by name."""
    return {name: argument_of(constraints[name]) for name in sorted(constraints)}
