"""Anything, exactly one value, one of several scalars."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

from delegation.core.arguments import Value
from delegation.core.constraints.decimals import format_decimal
from delegation.core.constraints.family import Steps

Scalar = None | bool | int | str | Decimal


def same(a: object, b: object) -> bool:
    """Tell whether two typed values are equal; unlike Python's, True is not 1 at any depth."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    return a == b


def size_of(value: object) -> int:
    """Count the values in a value, itself included: what comparing it costs in steps."""
    if isinstance(value, list):
        return 1 + sum(map(size_of, value))
    if isinstance(value, dict):
        return 1 + sum(map(size_of, value.values()))
    return 1


def in_words(value: object) -> str:
    """Show a value of a constraint."""
    if isinstance(value, Decimal):
        return format_decimal(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=float)


@dataclass(frozen=True, slots=True)
class Anything:
    """Allows every value."""

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Always True."""
        return True

    def describe(self) -> str:
        """Say so."""
        return "anything"


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """Allows one value, of one type: "5" is not 5, True is not 1."""

    value: Value

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is that value."""
        if type(value) is not type(self.value):
            return False
        if isinstance(value, list | dict):
            steps.take(size_of(self.value))
            return same(value, self.value)
        return value == self.value

    def describe(self) -> str:
        """Show the value."""
        return f"exactly {in_words(self.value)}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exact) and same(self.value, other.value)

    def __hash__(self) -> int:
        return hash(in_words(self.value))


@dataclass(frozen=True, slots=True)
class OneOf:
    """Allows any of several scalars, each of its own type.

    Attributes:
        strings: the strings.
        numbers: the integers and decimals.
        others: those of True, False and None.
    """

    strings: frozenset[str] = frozenset()
    numbers: frozenset[int | Decimal] = frozenset()
    others: frozenset[bool | None] = frozenset()

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Tell whether it is one of them."""
        kind = type(value)
        if kind is str:
            return value in self.strings
        if kind is int or kind is Decimal:
            return value in self.numbers
        return (kind is bool or value is None) and value in self.others

    def members(self) -> list[Scalar]:
        """List the members: strings, numbers, then True, False and None; each group in order."""
        others: list[Scalar] = [value for value in (True, False, None) if value in self.others]
        return [*sorted(self.strings), *sorted(self.numbers), *others]

    def describe(self) -> str:
        """List them."""
        return "one of " + ", ".join(map(in_words, self.members()))
