"""One of several scalars, none of them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Self

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.constraints.decimals import check_finite
from delegation.core.constraints.domains import NOTHING, NUMBERS, STRINGS, Domain
from delegation.core.constraints.family import Steps, typed
from delegation.core.constraints.scalars import Scalar, domain_of
from delegation.core.constraints.words import ROOM, in_words, joined
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal


@typed
class OneOf(NamedTuple):
    """Allows any of several scalars, each of its own type.

    Attributes:
        strings: the strings.
        numbers: the integers and decimals.
        others: those of True, False and None.
    """

    strings: frozenset[str] = frozenset()
    numbers: frozenset[int | Decimal] = frozenset()
    others: frozenset[bool | None] = frozenset()

    @classmethod
    def of(cls, members: Iterable[Scalar]) -> Self:
        """Take scalars, of which some may be given twice.

        Raises:
            Malformed: FIELD_INVALID without any, TOO_MANY_VALUES past 1,024 (S-11).
        """
        strings: set[str] = set()
        numbers: set[int | Decimal] = set()
        others: set[bool | None] = set()
        for value in members:
            if isinstance(value, str):
                strings.add(value)
            elif isinstance(value, bool) or value is None:
                others.add(value)
            else:
                numbers.add(check_finite(value))
        return cls(frozenset(strings), frozenset(numbers), frozenset(others)).checked()

    def checked(self) -> Self:
        """Require 1 to 1,024 members (S-11).

        Raises:
            Malformed: FIELD_INVALID or TOO_MANY_VALUES.
        """
        count = self.size
        if not 0 < count <= limits.SET_VALUES:
            raise refusal(Reason.TOO_MANY_VALUES if count else Reason.FIELD_INVALID, detail="values of a set")
        return self

    @property
    def domain(self) -> Domain:
        """All values of its members' types."""
        spoken_of = (STRINGS if self.strings else NOTHING) | (NUMBERS if self.numbers else NOTHING)
        return spoken_of.union(*map(domain_of, self.others))  # at most three

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for a value of a type that no member is of, where all numbers are of one."""
        kind = type(value)
        if kind is str:
            own = bool(self.strings)
        elif kind is int or kind is Decimal:
            own = bool(self.numbers)
        elif kind is bool:
            own = not self.others.isdisjoint((True, False))
        else:
            own = value is None and None in self.others
        return self.allows(value, steps) if own else None

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Tell whether it is one of them."""
        kind = type(value)
        if kind is str:
            return value in self.strings
        if kind is int or kind is Decimal:
            return value in self.numbers
        return (kind is bool or value is None) and value in self.others

    @property
    def size(self) -> int:
        """How many members there are."""
        return len(self.strings) + len(self.numbers) + len(self.others)

    def members(self) -> tuple[Scalar, ...]:
        """List the members: strings, numbers, then True, False and None; each group in order."""
        return _in_order(self)

    def within(self, other: OneOf) -> bool:
        """Tell whether all members are members of another set."""
        return self.strings <= other.strings and self.numbers <= other.numbers and self.others <= other.others

    def describe(self, room: int = ROOM) -> str:
        """List them."""
        return "one of " + self.listing(room)

    def listing(self, room: int) -> str:
        """Show the members, separated by commas."""
        return joined(self.members(), in_words, ", ", room)


@lru_cache(maxsize=128)
def _in_order(found: OneOf) -> tuple[Scalar, ...]:
    others: list[Scalar] = [value for value in (True, False, None) if value in found.others]
    return (*sorted(found.strings), *sorted(found.numbers), *others)


@typed
class NotOneOf(NamedTuple):
    """Allows the scalars of the types that occur among some, and none of these.

    Attributes:
        excluded: those that are not allowed; None is not among them.
    """

    excluded: OneOf

    @classmethod
    def of(cls, excluded: OneOf) -> Self:
        """Take what is excluded, checked.

        Raises:
            Malformed: FIELD_INVALID for None (S-11): nothing else is of its type.
        """
        if None in excluded.others:
            raise refusal(Reason.FIELD_INVALID, detail="what is not null cannot be said in one word")
        return cls(excluded)

    @property
    def domain(self) -> Domain:
        """As of the `OneOf` of the same members."""
        return self.excluded.domain

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is of such a type, and not one of them."""
        return self.excluded.verdict(value, steps) is False

    def describe(self, room: int = ROOM) -> str:
        """List them."""
        return "none of " + self.excluded.listing(room)
