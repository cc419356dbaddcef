"""All links' words about one tool, merged: the same question as link by link, asked faster.

A plan only ever says yes, and only where asking every link by itself would; whoever gets no must ask the links for the
reason. Plans are made of verified chains and kept with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from delegation.core.arguments import Value
from delegation.core.constraints import Steps
from delegation.core.scope import Scope
from delegation.errors import Refused

Allows = Callable[[Value, Steps], bool]


class CallPlan(NamedTuple):
    """What all links together say about one tool's arguments.

    Attributes:
        closed: how many links list arguments; the others permit any.
        listed: the names that every one of those lists.
        required: the names that at least one of those requires.
        allows: for each name, every link's constraint.
        steps: what asking costs, before arguments are counted.
    """

    closed: int
    listed: frozenset[str]
    required: frozenset[str]
    allows: tuple[tuple[str, tuple[Allows, ...]], ...]
    steps: int

    def permits(self, values: Mapping[str, Value]) -> bool:
        """Tell whether every link permits these arguments; on False, ask them why."""
        if self.closed == 0:
            return True
        if not self.required <= values.keys() <= self.listed:
            return False
        steps = Steps()
        try:
            steps.take(self.steps + self.closed * len(values))
            for name, every in self.allows:
                if name in values:
                    value = values[name]
                    for allows in every:
                        if not allows(value, steps):
                            return False
        except Refused:  # the budget is spent: the links say so with the index at fault
            return False
        return True


def plan_of(scopes: Iterable[Scope], audience: str, tool: str) -> CallPlan | None:
    """Merge what the scopes of all links say about a tool; None if one is silent on it, or has a condition."""
    lists = []
    for scope in scopes:
        capability = scope.find(audience, tool)
        if capability is None or capability.conditions:
            return None
        if capability.arguments is not None:
            lists.append(capability.arguments)
    listed = frozenset.intersection(*map(frozenset, lists)) if lists else frozenset()
    return CallPlan(
        len(lists),
        listed,
        frozenset(name for arguments in lists for name in arguments if not arguments[name].optional),
        tuple((name, tuple(arguments[name].constraint.allows for arguments in lists)) for name in sorted(listed)),
        sum(map(len, lists)),
    )
