"""What a link permits: capabilities, each an (audience, tool) with constrained arguments.

Closed world: what is not listed is refused. An empty scope permits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from delegation.core import limits
from delegation.core.conditions import Condition, check_conditions, in_order
from delegation.core.constraints.build import arguments_of
from delegation.core.constraints.family import Argument
from delegation.core.constraints.words import ROOM, clipped, joined
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

SERVICE_AUDIENCE: Final = "urn:delegation:service"
"""The audience of the proofs by which a holder ends a task or revokes a link. No tool is served under it."""


class Capability(NamedTuple):
    """Permission to call one tool at one audience.

    Attributes:
        audience: who serves the tool.
        tool: its name there.
        arguments: the arguments that may be given, by name; None permits any arguments.
        conditions: what else must hold.
    """

    audience: str
    tool: str
    arguments: Mapping[str, Argument] | None
    conditions: tuple[Condition, ...] = ()

    def describe(self, room: int = ROOM) -> str:
        """Say in words what is permitted, `files.read(path: a path under /srv)`, in about so many characters."""
        inside = "any arguments"
        if self.arguments is not None:
            inside = joined(self.arguments.items(), _argument, ", ", room)
        only = "".join(f", {condition.describe()}" for condition in self.conditions)
        return f"{self.audience}.{self.tool}({inside}){only}"


def _argument(named: tuple[str, Argument], room: int) -> str:
    name, argument = named
    return f"{clipped(name, room)}: {argument.describe(room - len(name))}"


class Scope:
    """A set of capabilities, at most one for each (audience, tool).

    Raises:
        Malformed: FIELD_INVALID for two capabilities of one pair, TOO_MANY_CAPABILITIES past 128.
    """

    __slots__ = ("by_pair",)
    EMPTY: ClassVar[Scope]
    by_pair: Mapping[tuple[str, str], Capability]
    """The capabilities by (audience, tool), in that order."""

    def __init__(self, *capabilities: Capability) -> None:
        if len(capabilities) > limits.CAPABILITIES:
            raise refusal(Reason.TOO_MANY_CAPABILITIES)
        ordered = sorted(capabilities, key=lambda c: (c.audience, c.tool))
        self.by_pair = {(c.audience, c.tool): c for c in ordered}
        if len(self.by_pair) != len(capabilities):
            raise refusal(Reason.FIELD_INVALID, detail="two capabilities for one tool")

    @classmethod
    def of_sorted(cls, by_pair: dict[tuple[str, str], Capability]) -> Scope:
        """Take capabilities that the codec has found to be sorted, unique and few enough."""
        scope = cls.__new__(cls)
        scope.by_pair = by_pair
        return scope

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """The capabilities, sorted by audience, then tool."""
        return tuple(self.by_pair.values())

    def find(self, audience: str, tool: str) -> Capability | None:
        """Give the capability for a tool, or None."""
        return self.by_pair.get((audience, tool))

    def only(self, audience: str, tool: str) -> Scope:
        """Give the part of this scope that is about one tool.

        Raises:
            ScopeGrew: SCOPE_GREW if there is none.
        """
        capability = self.find(audience, tool)
        if capability is None:
            raise refusal(Reason.SCOPE_GREW, field=f"scope[{audience}.{tool}]", child="this tool")
        return Scope(capability)

    def where(self, **constraints: object) -> Scope:
        """Give this scope with these arguments constrained as said, in its only capability.

        Whether the result is narrower is decided where it is handed off, never here.

        Raises:
            Malformed: FIELD_INVALID unless there is exactly one capability.
        """
        if len(self.by_pair) != 1:
            raise refusal(Reason.FIELD_INVALID, detail="where() needs a scope of exactly one tool; use only() first")
        (capability,) = self.by_pair.values()
        merged = {**(capability.arguments or {}), **arguments_of(constraints)}
        return Scope(Capability(capability.audience, capability.tool, arguments_of(merged), capability.conditions))

    def describe(self, room: int = 4 * ROOM) -> str:
        """Say in words what is permitted, in about so many characters."""
        return joined(self.by_pair.values(), Capability.describe, "; ", room) or "nothing"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scope) and self.by_pair == other.by_pair

    def __hash__(self) -> int:
        return hash(tuple(self.by_pair))

    def __repr__(self) -> str:
        return f"Scope({self.describe()})"


Scope.EMPTY = Scope()


def tool(audience: str, name: str, /, *conditions: Condition, **arguments: object) -> Capability:
    """Permit one tool with these arguments; a plain value means exactly that value.

    `tool("billing", "refund", budget("amount", "500.00"), order="o-17", amount=at_most("50.00"))`

    Raises:
        Malformed: what is wrong with an argument or condition; TOO_MANY_VALUES past 8 conditions.
    """
    return Capability(audience, name, arguments_of(arguments), check_conditions(in_order(conditions)))


def any_call(audience: str, name: str, /, *conditions: Condition) -> Capability:
    """Permit one tool with any arguments whatsoever. Raises as `tool`."""
    return Capability(audience, name, None, check_conditions(in_order(conditions)))
