"""Constraints on what is inside a list or an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from delegation.core.arguments import Value
from delegation.core.constraints.family import Argument, Constraint, Steps


@dataclass(frozen=True, slots=True)
class Each:
    """Allows a list every member of which satisfies a constraint; the empty list does."""

    member: Constraint

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is such a list."""
        if type(value) is not list:
            return False
        steps.take(len(value))
        allows = self.member.allows
        return all(allows(member, steps) for member in value)

    def describe(self) -> str:
        """Name the member's constraint."""
        return f"a list, each member {self.member.describe()}"


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """Allows an object with just these fields; one that is not optional must be there."""

    fields: Mapping[str, Argument]

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is such an object."""
        if type(value) is not dict:
            return False
        steps.take(len(self.fields) + len(value))
        if not value.keys() <= self.fields.keys():
            return False
        return all(
            field.constraint.allows(value[name], steps) if name in value else field.optional
            for name, field in self.fields.items()
        )

    def describe(self) -> str:
        """Name the fields."""
        return "an object with " + (
            ", ".join(f"{name}: {field.describe()}" for name, field in sorted(self.fields.items())) or "no fields"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and dict(self.fields) == dict(other.fields)

    def __hash__(self) -> int:
        return hash(frozenset(self.fields.items()))
