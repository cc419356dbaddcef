"""Constraints on an object: just these fields, closed-world like the arguments of a capability."""

from __future__ import annotations

from collections.abc import Mapping

from delegation.core.arguments import Value
from delegation.core.constraints.domains import OBJECTS, Domain
from delegation.core.constraints.family import Argument, Steps, typed
from delegation.core.constraints.words import ROOM, clipped, joined
from delegation.core.named_tuple import NamedTuple


@typed
class Fields(NamedTuple):
    """Allows objects with just these fields, sorted by name; one that is not optional must be there."""

    fields: Mapping[str, Argument]

    @property
    def domain(self) -> Domain:
        """Objects."""
        return OBJECTS

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is such an object."""
        if type(value) is not dict:
            return False
        fields = self.fields
        steps.take(len(fields) + len(value))
        if not value.keys() <= fields.keys():
            return False
        if not all(name in value or field.optional for name, field in fields.items()):
            return False
        return all(field.constraint.allows(value[name], steps) for name, field in fields.items() if name in value)

    def describe(self, room: int = ROOM) -> str:
        """Name the fields."""
        named = joined(sorted(self.fields.items()), _field, ", ", room)
        return f"an object with {named or 'no fields'}"

    def __hash__(self) -> int:
        return hash(("Fields", frozenset(self.fields.items())))


def _field(named: tuple[str, Argument], room: int) -> str:
    name, field = named
    return f"{clipped(name, room)}: {field.describe(room - len(name))}"
