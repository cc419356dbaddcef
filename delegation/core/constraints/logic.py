"""Constraints made of constraints: not this, all of these, any of these."""

from __future__ import annotations

from typing import Final, Self

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.constraints.addresses import Cidr
from delegation.core.constraints.domains import EVERY_VALUE, Domain
from delegation.core.constraints.family import Constraint, Negatable, Steps, typed
from delegation.core.constraints.lists import ListContains, ListSubset
from delegation.core.constraints.numbers import DecimalRange, DecimalText, IntegerRange
from delegation.core.constraints.paths import SubPath
from delegation.core.constraints.regex import Regex
from delegation.core.constraints.scalars import Exact
from delegation.core.constraints.segments import SegmentGlob
from delegation.core.constraints.sets import OneOf
from delegation.core.constraints.strings import Length, Prefix
from delegation.core.constraints.urls import Url
from delegation.core.constraints.words import ROOM, joined
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

_NEGATABLE: Final = (
    Exact, OneOf, IntegerRange, DecimalRange, DecimalText, Length, Prefix, SegmentGlob, SubPath, Url, Cidr,
    ListSubset, ListContains, Regex,
)  # fmt: skip


@typed
class Negation(NamedTuple):
    """Allows what a constraint speaks of and does not allow: not every other value."""

    constraint: Negatable

    @classmethod
    def of(cls, constraint: Constraint) -> Self:
        """Take a constraint, checked.

        Raises:
            Malformed: FIELD_INVALID for one that cannot be negated (S-22).
        """
        null = (isinstance(constraint, Exact) and constraint.value is None) or (
            isinstance(constraint, OneOf) and None in constraint.others
        )
        if null or not isinstance(constraint, _NEGATABLE):
            raise refusal(Reason.FIELD_INVALID, detail="a constraint of a kind that is not to be negated")
        return cls(constraint)

    @property
    def domain(self) -> Domain:
        """As of what is negated."""
        return self.constraint.domain

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether the constraint speaks of it, and does not allow it."""
        return self.constraint.verdict(value, steps) is False

    def describe(self, room: int = ROOM) -> str:
        """Name what is negated."""
        return f"not {self.constraint.describe(room)}"


def _checked(constraints: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    """Require 1 to 64 constraints (S-23)."""
    if not 0 < len(constraints) <= limits.BRANCHES:
        reason = Reason.TOO_MANY_VALUES if constraints else Reason.FIELD_INVALID
        raise refusal(reason, detail="constraints of an all-of or any-of")
    return constraints


@typed
class AllOf(NamedTuple):
    """Allows what every one of several constraints allows."""

    constraints: tuple[Constraint, ...]

    @classmethod
    def of(cls, constraints: tuple[Constraint, ...]) -> Self:
        """Take constraints, checked.

        Raises:
            Malformed: FIELD_INVALID for none, TOO_MANY_VALUES past 64 (S-23).
        """
        return cls(_checked(constraints))

    @property
    def domain(self) -> Domain:
        """Not said, hence part of nothing."""
        return EVERY_VALUE

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether every one of them allows it."""
        steps.take(len(self.constraints))
        return all(constraint.allows(value, steps) for constraint in self.constraints)

    def describe(self, room: int = ROOM) -> str:
        """Name them."""
        return joined(self.constraints, _in_brackets, " and ", room)


@typed
class AnyOf(NamedTuple):
    """Allows what at least one of several constraints allows."""

    constraints: tuple[Constraint, ...]

    @classmethod
    def of(cls, constraints: tuple[Constraint, ...]) -> Self:
        """Take constraints, checked.

        Raises:
            Malformed: FIELD_INVALID for none, TOO_MANY_VALUES past 64 (S-23).
        """
        return cls(_checked(constraints))

    @property
    def domain(self) -> Domain:
        """Not said, hence part of nothing."""
        return EVERY_VALUE

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether one of them allows it."""
        steps.take(len(self.constraints))
        return any(constraint.allows(value, steps) for constraint in self.constraints)

    def describe(self, room: int = ROOM) -> str:
        """Name them."""
        return joined(self.constraints, _in_brackets, " or ", room)


def _in_brackets(constraint: Constraint, room: int) -> str:
    words = constraint.describe(room)
    return f"({words})" if isinstance(constraint, AllOf | AnyOf | DecimalRange) else words
