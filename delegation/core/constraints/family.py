"""What every constraint is, the budget for evaluating them, and when two of them are equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.constraints.domains import Domain
from delegation.core.constraints.words import ROOM
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

STEP_CHARACTERS: Final = 64
"""Looking through so many characters of a string takes a step (SPEC section 8.2)."""

K = TypeVar("K", bound=type)
T = TypeVar("T")


class Steps:
    """The evaluation budget of one decision: counted work, never a clock (SPEC section 8.2 and N-8).

    What a string was found to be is remembered with it: many constraints ask the same of one.

    Attributes:
        left: the steps that are left.
        normal_path: the path last found to be in normal form.
        sources: by the `id` of an all-of, which of its constraints can be listed (`listing`).
    """

    __slots__ = ("_found", "left", "normal_path", "sources")

    def __init__(self, left: int = limits.EVALUATION_STEPS) -> None:
        self.left = left
        self.normal_path: str | None = None
        self.sources: dict[int, Any] | None = None
        self._found: dict[tuple[object, str], Any] | None = None

    def take(self, steps: int) -> None:
        """Spend steps, before the work that they stand for.

        Raises:
            NotPermitted: EVALUATION_EXHAUSTED.
        """
        self.left -= steps
        if self.left < 0:
            raise refusal(Reason.EVALUATION_EXHAUSTED)

    def once(self, read: Callable[[str], T], text: str) -> T:
        """Read a string, or give what it was read as before."""
        found = self._found
        if found is None:
            found = self._found = {}
        key = read, text
        if key not in found:
            found[key] = read(text)
        return found[key]  # type: ignore[no-any-return]


class Constraint(Protocol):
    """A predicate over one typed value. Members of the family are frozen and compare by kind and value."""

    @property
    def domain(self) -> Domain:
        """What the constraint speaks of (SPEC section 5.3)."""

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether the value satisfies the constraint; one that it does not speak of never does."""

    def describe(self, room: int = ROOM) -> str:
        """Say in words what is allowed, "at most 50", in about so many characters."""


class Negatable(Constraint, Protocol):
    """A constraint that may stand in a negation (S-22): it tells what it refuses from what it does not speak of."""

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """Tell whether the value satisfies the constraint; None if the constraint does not speak of it."""


class Argument(NamedTuple):
    """A constraint on one named argument or field.

    Attributes:
        constraint: what a given value must satisfy.
        optional: True if it may be left out.
    """

    constraint: Constraint
    optional: bool = False

    def describe(self, room: int = ROOM) -> str:
        """Say in words what is allowed."""
        words = self.constraint.describe(room)
        return f"{words} (optional)" if self.optional else words


def typed(kind: K) -> K:
    """Give a named tuple the equality of a value: another type is never equal, whatever it holds.

    A tuple knows no types: to it `SubPath("/a")` and `Prefix("/a")` would be the same. What the kind defines itself
    stands.
    """
    for name, method in _TYPED.items():
        if name not in vars(kind):
            setattr(kind, name, method)
    return kind


def _equal(self: tuple[Any, ...], other: object) -> bool:
    return type(self) is type(other) and tuple.__eq__(self, other)


def _unequal(self: tuple[Any, ...], other: object) -> bool:
    return not self == other  # noqa: SIM201 - the kind's own equality, not the tuple's


def _hash(self: tuple[Any, ...]) -> int:
    return hash((type(self).__name__, *self))


_TYPED: Final = {"__eq__": _equal, "__ne__": _unequal, "__hash__": _hash}
