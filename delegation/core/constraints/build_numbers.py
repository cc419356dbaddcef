"""How people write constraints on numbers: `at_most("50.00")`, `between(1, 5)`, `decimal_text(…)`.

What the decoder refuses is refused here already.
"""

from __future__ import annotations

from decimal import Decimal

from delegation.core.constraints.decimals import exact_number
from delegation.core.constraints.numbers import DecimalRange, DecimalText, IntegerRange
from delegation.errors import Reason, refusal

Written = int | float | str | Decimal
"""A number as people write it: 50, "50.00", 0.5 or a Decimal."""


def _range(minimum: object, maximum: object) -> IntegerRange | DecimalRange:
    """Make an integer range of ints, and a range of exact decimals of everything else."""
    low = None if minimum is None else exact_number(minimum)
    high = None if maximum is None else exact_number(maximum)
    if all(bound is None or type(bound) is int for bound in (minimum, maximum)):
        return IntegerRange.of(low, high)  # type: ignore[arg-type]  # exact_number keeps an int
    return DecimalRange.of(low, high)


def at_most(maximum: Written) -> IntegerRange | DecimalRange:
    """Allow numbers up to this: integers for an int, any number for "50.00", 0.5 or a Decimal.

    Raises:
        Malformed: FIELD_INVALID for what is not an exact number.
    """
    return _range(None, maximum)


def at_least(minimum: Written) -> IntegerRange | DecimalRange:
    """Allow numbers from this on; as `at_most`."""
    return _range(minimum, None)


def between(minimum: Written, maximum: Written) -> IntegerRange | DecimalRange:
    """Allow numbers from one bound to the other, both included; as `at_most`."""
    return _range(minimum, maximum)


def more_than(minimum: Written) -> DecimalRange:
    """Allow numbers above this, not this itself. Raises as `at_most`."""
    return DecimalRange.of(exact_number(minimum), None, minimum_exclusive=True)


def less_than(maximum: Written) -> DecimalRange:
    """Allow numbers below this, not this itself. Raises as `at_most`."""
    return DecimalRange.of(None, exact_number(maximum), maximum_exclusive=True)


def decimal_text(bounds: IntegerRange | DecimalRange) -> DecimalText:
    """Allow a number within bounds where a tool takes it as text: `decimal_text(at_most("50.00"))` allows "49.90".

    Raises:
        Malformed: FIELD_INVALID for what is no range.
    """
    if isinstance(bounds, IntegerRange):
        bounds = DecimalRange(*bounds)
    if not isinstance(bounds, DecimalRange):
        raise refusal(Reason.FIELD_INVALID, detail="decimal_text takes a range: at_most(…), between(…)")
    return DecimalText(bounds)
