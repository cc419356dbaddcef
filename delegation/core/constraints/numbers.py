"""Ranges of integers and of exact decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from delegation.core.arguments import Value
from delegation.core.constraints.decimals import Number, format_decimal
from delegation.core.constraints.family import Steps


def is_empty(minimum: Number | None, maximum: Number | None, *, exclusive: bool = False) -> bool:
    """Tell whether bounds leave nothing between them. Such a range is a mistake, and refused."""
    if minimum is None or maximum is None:
        return False
    return minimum > maximum or (exclusive and minimum == maximum)


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """Allows the integers from `minimum` to `maximum`, both included; None is unbounded."""

    minimum: int | None
    maximum: int | None

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Tell whether it is an integer in the range; True and "5" are none."""
        return (
            type(value) is int
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
        )

    def describe(self) -> str:
        """Name the bounds."""
        if self.minimum is None:
            return f"an integer of at most {self.maximum}"
        if self.maximum is None:
            return f"an integer of at least {self.minimum}"
        return f"an integer from {self.minimum} to {self.maximum}"


@dataclass(frozen=True, slots=True)
class DecimalRange:
    """Allows the numbers, integers or not, within exact bounds; None is unbounded."""

    minimum: Number | None
    maximum: Number | None
    minimum_exclusive: bool = False
    maximum_exclusive: bool = False

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Tell whether it is a number in the range."""
        if type(value) is not int and type(value) is not Decimal:
            return False
        low, high = self.minimum, self.maximum
        if low is not None and (value < low or (self.minimum_exclusive and value == low)):
            return False
        return high is None or not (value > high or (self.maximum_exclusive and value == high))

    def describe(self) -> str:
        """Name the bounds."""
        parts = []
        if self.minimum is not None:
            parts.append(f"{'more than' if self.minimum_exclusive else 'at least'} {format_decimal(self.minimum)}")
        if self.maximum is not None:
            parts.append(f"{'less than' if self.maximum_exclusive else 'at most'} {format_decimal(self.maximum)}")
        return " and ".join(parts)
