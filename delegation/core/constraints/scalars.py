"""Anything, and exactly one value."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from delegation.core.arguments import Value
from delegation.core.constraints.domains import (
    BOOLEANS,
    EVERY_VALUE,
    LISTS,
    NULL,
    NUMBERS,
    OBJECTS,
    STRINGS,
    Domain,
)
from delegation.core.constraints.family import Steps, typed
from delegation.core.constraints.words import ROOM, in_words
from delegation.core.named_tuple import NamedTuple

Scalar = None | bool | int | str | Decimal

_DOMAIN_OF: Final[dict[type, Domain]] = {
    type(None): NULL,
    bool: BOOLEANS,
    int: NUMBERS,
    Decimal: NUMBERS,
    str: STRINGS,
    list: LISTS,
    dict: OBJECTS,
}


def domain_of(value: Value) -> Domain:
    """Give all values of a value's type; for numbers, all numbers."""
    return _DOMAIN_OF[type(value)]


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


class Anything:
    """Allows every value."""

    __slots__ = ()

    @property
    def domain(self) -> Domain:
        """Every value."""
        return EVERY_VALUE

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Always True."""
        return True

    def describe(self, room: int = ROOM) -> str:  # noqa: ARG002 - the family's signature
        """Say so."""
        return "anything"

    def __eq__(self, other: object) -> bool:
        return type(other) is Anything

    def __hash__(self) -> int:
        return hash(Anything)

    def __repr__(self) -> str:
        return "Anything()"


@typed
class Exact(NamedTuple):
    """Allows one value, of one type: "5" is not 5, True is not 1."""

    value: Value

    @property
    def domain(self) -> Domain:
        """All values of the value's type; for numbers, all numbers."""
        return domain_of(self.value)

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for a value of another type, where all numbers are of one."""
        allowed = self.allows(value, steps)
        return allowed if _DOMAIN_OF.get(type(value)) is self.domain else None

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is that value."""
        if type(value) is not type(self.value):
            return False
        if isinstance(value, list | dict):
            steps.take(size_of(self.value))
            return same(value, self.value)
        return value == self.value

    def describe(self, room: int = ROOM) -> str:
        """Show the value."""
        return f"exactly {in_words(self.value, room)}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exact) and same(self.value, other.value)

    def __hash__(self) -> int:
        value = self.value
        return hash(("Exact", len(value) if isinstance(value, list | dict) else value))
