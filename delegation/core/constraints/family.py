"""What every constraint is, and the budget for evaluating them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.errors import Reason, refusal


class Steps:
    """The evaluation budget of one decision: counted work, never a clock (SPEC section 10).

    Attributes:
        left: the steps that are left.
        normal_path: the path last found to be in normal form, so that links need not each find out.
    """

    __slots__ = ("left", "normal_path")

    def __init__(self, left: int = limits.EVALUATION_STEPS) -> None:
        self.left = left
        self.normal_path: str | None = None

    def take(self, steps: int) -> None:
        """Spend steps.

        Raises:
            NotPermitted: EVALUATION_EXHAUSTED.
        """
        self.left -= steps
        if self.left < 0:
            raise refusal(Reason.EVALUATION_EXHAUSTED)


class Constraint(Protocol):
    """A predicate over one typed value. Members of the family are frozen and compare by value."""

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether the value satisfies the constraint; a value of another type never does."""

    def describe(self) -> str:
        """Say in words what is allowed: "at most 50"."""


class Argument(NamedTuple):
    """A constraint on one named argument or field.

    Attributes:
        constraint: what a given value must satisfy.
        optional: True if it may be left out.
    """

    constraint: Constraint
    optional: bool = False

    def describe(self) -> str:
        """Say in words what is allowed."""
        return f"{self.constraint.describe()} (optional)" if self.optional else self.constraint.describe()
