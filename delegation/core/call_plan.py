"""All links' words about one tool, merged: the same question as link by link, asked faster.

A plan only ever says yes, and only where asking every link by itself would; whoever gets no must ask the links for the
reason. Plans are made of verified links and kept with them; that of a longer chain is made of that of its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from delegation.core.arguments import Value
from delegation.core.constraints import Constraint, IntegerRange, OneOf, Steps, SubPath
from delegation.core.scope import Capability, Scope
from delegation.errors import Refused

Pair = tuple[str, str]


class CallPlan(NamedTuple):
    """What links together say about one tool's arguments.

    Attributes:
        closed: how many links list arguments; the others permit any.
        listed: the names that every one of those lists.
        required: the names that at least one of those requires.
        allowed: for each listed name, constraints that together allow what every such link's does.
        merged_paths: for each name, how many sub-paths were merged away: each would have taken steps by the length.
        steps: what asking costs, before arguments are counted.
    """

    closed: int
    listed: frozenset[str]
    required: frozenset[str]
    allowed: Mapping[str, tuple[Constraint, ...]]
    merged_paths: Mapping[str, int]
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
            for name, value in values.items():
                for constraint in self.allowed[name]:
                    if not constraint.allows(value, steps):
                        return False
                if type(value) is str and name in self.merged_paths:
                    steps.take(self.merged_paths[name] * (len(value) // 64))
        except Refused:  # the budget is spent: the links say so with the index at fault
            return False
        return True

    def narrowed_by(self, capability: Capability | None) -> CallPlan | None:
        """Add what a further link says; None if it is silent on the tool, or has a condition."""
        if capability is None or capability.conditions:
            return None
        arguments = capability.arguments
        if arguments is None:
            return self
        allowed: dict[str, tuple[Constraint, ...]] = {}
        merged_paths = dict(self.merged_paths)
        for name, (constraint, _) in arguments.items():
            if name in self.allowed:
                *others, last = self.allowed[name]
                both = _both(last, constraint)
                allowed[name] = (*others, last, constraint) if both is None else (*others, both)
                if type(both) is SubPath:
                    merged_paths[name] = merged_paths.get(name, 0) + 1
            elif not self.closed:
                allowed[name] = (constraint,)
        return CallPlan(
            self.closed + 1,
            frozenset(allowed),
            self.required.union([name for name, (_, optional) in arguments.items() if not optional]),
            allowed,
            merged_paths,
            self.steps + len(arguments),
        )


def _both(a: Constraint, b: Constraint) -> Constraint | None:
    """Give a constraint that allows exactly what both do, where that is one of the same kind; else None."""
    if type(a) is not type(b):
        return None
    if isinstance(a, SubPath) and isinstance(b, SubPath):
        inner, outer = (a, b) if len(a.root) >= len(b.root) else (b, a)
        return inner if outer.root in (inner.root, "/") or inner.root.startswith(outer.root + "/") else None
    if isinstance(a, OneOf) and isinstance(b, OneOf):
        return OneOf(a.strings & b.strings, a.numbers & b.numbers, a.others & b.others)
    if isinstance(a, IntegerRange) and isinstance(b, IntegerRange):
        return IntegerRange(
            max((bound for bound in (a.minimum, b.minimum) if bound is not None), default=None),
            min((bound for bound in (a.maximum, b.maximum) if bound is not None), default=None),
        )
    return None


_NO_LINK = CallPlan(0, frozenset(), frozenset(), {}, {}, 0)


class CallPlans:
    """The plans of one chain's tools.

    Args:
        scopes: what every link permits, grant first.
        before: the plans of the links before the last, if those were known before.
    """

    __slots__ = ("_asked", "_before", "_made", "_scopes")

    def __init__(self, scopes: tuple[Scope, ...], before: CallPlans | None = None) -> None:
        self._scopes = scopes
        self._before = before
        self._made: dict[Pair, CallPlan | None] = {}
        self._asked: set[Pair] = set()

    def find(self, pair: Pair) -> CallPlan | None:
        """Give the plan for a tool, if it pays to have one: from its second call on, or if the links before have one.

        Returns:
            None if there is none: then every link is to be asked.
        """
        made = self._made.get(pair)
        if made is not None:
            return made
        capability = self._scopes[-1].by_pair.get(pair)
        if capability is None or pair in self._made:  # what is not permitted leaves no trace: there is no end of it
            return None
        if self._before is not None:
            before = self._before.whole(pair)
            self._made[pair] = None if before is None else before.narrowed_by(capability)
            return self._made[pair]
        if pair in self._asked:
            return self.whole(pair)
        self._asked.add(pair)
        return None

    def whole(self, pair: Pair) -> CallPlan | None:
        """Give the plan for a tool, merged of all links if need be; None if one is silent on it, or has a condition."""
        if pair in self._made:
            return self._made[pair]
        plan = _NO_LINK
        for scope in self._scopes:
            narrowed = plan.narrowed_by(scope.by_pair.get(pair))
            if narrowed is None:
                return None
            plan = narrowed
        self._made[pair] = plan
        return plan
