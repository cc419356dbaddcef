"""Ranges of integers, of exact decimals, and of decimals that are written as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Self

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.constraints.decimals import Number, check_finite, format_decimal, number_of_text
from delegation.core.constraints.domains import DECIMAL_TEXT, INTEGERS, NUMBERS, Domain
from delegation.core.constraints.family import Steps, typed
from delegation.core.constraints.words import ROOM
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

_SAFE: Final = limits.SAFE_INTEGER
_STEPS: Final = 6
"""What reading a decimal text takes (SPEC section 8.2)."""


def _check_bounds(minimum: Number | None, maximum: Number | None, *, exclusive: bool = False) -> None:
    """Refuse bounds that say nothing, or leave nothing between them: such a range is a mistake (S-12)."""
    if minimum is None or maximum is None:
        if minimum is maximum:
            raise refusal(Reason.FIELD_INVALID, detail="a range without a bound")
    elif check_finite(minimum) > check_finite(maximum) or (exclusive and minimum == maximum):
        raise refusal(Reason.FIELD_INVALID, detail="a range with nothing in it")


@typed
class IntegerRange(NamedTuple):
    """Allows the integers from `minimum` to `maximum`, both included; None is unbounded."""

    minimum: int | None
    maximum: int | None

    @classmethod
    def of(cls, minimum: int | None, maximum: int | None) -> Self:
        """Take bounds, checked.

        Raises:
            Malformed: FIELD_INVALID (S-12).
        """
        for bound in (minimum, maximum):
            if bound is not None and not -_SAFE <= bound <= _SAFE:
                raise refusal(Reason.FIELD_INVALID, detail="an integer outside ±(2^53-1)")
        _check_bounds(minimum, maximum)
        return cls(minimum, maximum)

    @property
    def domain(self) -> Domain:
        """Integers."""
        return INTEGERS

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no integer."""
        return self.allows(value, steps) if type(value) is int else None

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Tell whether it is an integer in the range; True and "5" are none."""
        return (
            type(value) is int
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
        )

    def describe(self, room: int = ROOM) -> str:  # noqa: ARG002 - the family's signature
        """Name the bounds."""
        if self.minimum is None:
            return f"an integer of at most {self.maximum}"
        if self.maximum is None:
            return f"an integer of at least {self.minimum}"
        return f"an integer from {self.minimum} to {self.maximum}"


@typed
class DecimalRange(NamedTuple):
    """Allows the numbers, integers or not, within exact bounds; None is unbounded."""

    minimum: Number | None
    maximum: Number | None
    minimum_exclusive: bool = False
    maximum_exclusive: bool = False

    @classmethod
    def of(
        cls,
        minimum: Number | None,
        maximum: Number | None,
        minimum_exclusive: bool = False,  # noqa: FBT001, FBT002 - fields of the message, in their order
        maximum_exclusive: bool = False,  # noqa: FBT001, FBT002
    ) -> Self:
        """Take bounds, checked.

        Raises:
            Malformed: FIELD_INVALID (S-12).
        """
        if (minimum_exclusive and minimum is None) or (maximum_exclusive and maximum is None):
            raise refusal(Reason.FIELD_INVALID, detail="a range without the bound that it speaks of")
        _check_bounds(minimum, maximum, exclusive=minimum_exclusive or maximum_exclusive)
        return cls(minimum, maximum, minimum_exclusive, maximum_exclusive)

    @property
    def domain(self) -> Domain:
        """Numbers."""
        return NUMBERS

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no number."""
        return self.allows(value, steps) if type(value) is int or type(value) is Decimal else None

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Tell whether it is a number in the range."""
        if type(value) is not int and type(value) is not Decimal:
            return False
        low, high = self.minimum, self.maximum
        if low is not None and (value < low or (self.minimum_exclusive and value == low)):
            return False
        return high is None or not (value > high or (self.maximum_exclusive and value == high))

    def describe(self, room: int = ROOM) -> str:  # noqa: ARG002 - the family's signature
        """Name the bounds."""
        parts = []
        if self.minimum is not None:
            parts.append(f"{'more than' if self.minimum_exclusive else 'at least'} {format_decimal(self.minimum)}")
        if self.maximum is not None:
            parts.append(f"{'less than' if self.maximum_exclusive else 'at most'} {format_decimal(self.maximum)}")
        return " and ".join(parts)


@typed
class DecimalText(NamedTuple):
    """Allows the strings that are decimal text, such as "10.00", of a number within bounds."""

    bounds: DecimalRange

    @property
    def domain(self) -> Domain:
        """Decimal text."""
        return DECIMAL_TEXT

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no decimal text."""
        if type(value) is not str:
            return None
        steps.take(_STEPS)
        number = steps.once(number_of_text, value)
        return None if number is None else self.bounds.allows(number, steps)

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is decimal text, and its number is in the range."""
        return self.verdict(value, steps) is True

    def describe(self, room: int = ROOM) -> str:
        """Name the bounds."""
        return f"decimal text of {self.bounds.describe(room)}"
