"""Constraints on the members of a list: none but these, all of these, each of them so."""

from __future__ import annotations

from decimal import Decimal

from delegation.core.arguments import Value
from delegation.core.constraints.domains import LISTS, Domain
from delegation.core.constraints.family import Constraint, Steps, typed
from delegation.core.constraints.sets import OneOf
from delegation.core.constraints.words import ROOM
from delegation.core.named_tuple import NamedTuple


@typed
class ListSubset(NamedTuple):
    """Allows lists every member of which is one of several scalars; the empty list, too."""

    members: OneOf

    @property
    def domain(self) -> Domain:
        """Lists."""
        return LISTS

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no list."""
        return self.allows(value, steps) if type(value) is list else None

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is such a list."""
        if type(value) is not list:
            return False
        steps.take(len(value))
        allows = self.members.allows
        return all(allows(member, steps) for member in value)

    def describe(self, room: int = ROOM) -> str:
        """List the scalars."""
        return f"a list of nothing but {self.members.listing(room)}"


@typed
class ListContains(NamedTuple):
    """Allows lists among whose members several scalars all are."""

    members: OneOf

    @property
    def domain(self) -> Domain:
        """Lists."""
        return LISTS

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no list."""
        return self.allows(value, steps) if type(value) is list else None

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is such a list."""
        if type(value) is not list:
            return False
        steps.take(len(value))
        wanted = self.members
        return (
            len(value) >= wanted.size
            and wanted.strings <= {member for member in value if type(member) is str}
            and wanted.numbers <= {member for member in value if type(member) is int or type(member) is Decimal}
            and wanted.others <= {member for member in value if type(member) is bool or member is None}
        )

    def describe(self, room: int = ROOM) -> str:
        """List the scalars."""
        return f"a list with {self.members.listing(room)} in it"


@typed
class Each(NamedTuple):
    """Allows lists every member of which satisfies a constraint; the empty list does."""

    member: Constraint

    @property
    def domain(self) -> Domain:
        """Lists."""
        return LISTS

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is such a list."""
        if type(value) is not list:
            return False
        steps.take(len(value))
        allows = self.member.allows
        return all(allows(member, steps) for member in value)

    def describe(self, room: int = ROOM) -> str:
        """Name the member's constraint."""
        return f"a list, each member {self.member.describe(room)}"
