"""All links' words about one tool, merged: the same question as link by link, asked faster.

A plan only ever says yes, and only where asking every link by itself would; whoever gets no must ask the links for the
reason. Plans are made of verified links and kept with them; that of a longer chain is made of that of its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping

from delegation.core.arguments import Value
from delegation.core.constraints import Constraint, IntegerRange, OneOf, Steps, SubPath
from delegation.core.constraints.family import STEP_CHARACTERS
from delegation.core.named_tuple import NamedTuple
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
        conditional: whether one of them has a condition: to whoever does not decide those, it permits nothing.
    """

    closed: int
    listed: frozenset[str]
    required: frozenset[str]
    allowed: Mapping[str, tuple[Constraint, ...]]
    merged_paths: Mapping[str, int]
    steps: int
    conditional: bool

    def permits(self, values: Mapping[str, Value], steps: Steps) -> bool:
        """Tell whether each of these links permits these arguments, conditions apart; on False, ask them why."""
        if self.closed == 0:
            return True
        if not self.required <= values.keys() <= self.listed:
            return False
        try:
            steps.take(self.steps + self.closed * len(values))
            for name, value in values.items():
                for constraint in self.allowed[name]:
                    if not constraint.allows(value, steps):
                        return False
                if name in self.merged_paths and type(value) is str:
                    steps.take(self.merged_paths[name] * (len(value) // STEP_CHARACTERS))
        except Refused:  # the budget is spent: the links say so with the index at fault
            return False
        return True

    def narrowed_by(self, capability: Capability | None) -> CallPlan | None:
        """Add what a further link says; None if it is silent on the tool."""
        if capability is None:
            return None
        conditional = self.conditional or bool(capability.conditions)
        arguments = capability.arguments
        if arguments is None:
            return self if conditional == self.conditional else self._replace(conditional=True)
        before, allowed = self.allowed, dict[str, tuple[Constraint, ...]]()
        merged_paths, required = self.merged_paths, self.required
        for name, (constraint, optional) in arguments.items():
            if not optional and name not in required:
                required |= {name}
            if name in before:
                allowed[name] = both = _both(before[name], constraint)
                if len(both) == len(before[name]) and type(constraint) is SubPath:
                    merged_paths = {**merged_paths, name: merged_paths.get(name, 0) + 1}
            elif not self.closed:
                allowed[name] = (constraint,)
        listed = self.listed if self.closed and len(allowed) == len(self.listed) else frozenset(allowed)
        steps = self.steps + len(arguments)
        return CallPlan(self.closed + 1, listed, required, allowed, merged_paths, steps, conditional)


def _both(before: tuple[Constraint, ...], further: Constraint) -> tuple[Constraint, ...]:
    """Add a constraint to others; of the last and it, if they are of one kind, make one that allows what both do."""
    last = before[-1]
    if type(last) is type(further):
        if isinstance(last, SubPath) and isinstance(further, SubPath):
            inner, outer = (last, further) if len(last.root) >= len(further.root) else (further, last)
            if outer.root in (inner.root, "/") or inner.root.startswith(outer.root + "/"):  # both are in normal form
                return (*before[:-1], inner)
        elif isinstance(last, OneOf) and isinstance(further, OneOf):
            both = OneOf(last.strings & further.strings, last.numbers & further.numbers, last.others & further.others)
            return (*before[:-1], both)
        elif isinstance(last, IntegerRange) and isinstance(further, IntegerRange):
            low, high = further.minimum, further.maximum
            if low is None or (last.minimum is not None and last.minimum > low):
                low = last.minimum
            if high is None or (last.maximum is not None and last.maximum < high):
                high = last.maximum
            return (*before[:-1], IntegerRange(low, high))
    return (*before, further)


_NO_LINK = CallPlan(0, frozenset(), frozenset(), {}, {}, 0, conditional=False)


class CallPlans:
    """The plans of one chain's tools.

    Args:
        scopes: what each link permits, in order; with `before`, only those of the links after that.
        before: the plans of the links before these, if they were known before.
    """

    __slots__ = ("_asked", "_before", "_made", "_scopes", "size")

    def __init__(self, scopes: tuple[Scope, ...], before: CallPlans | None = None) -> None:
        self.size: int = len(scopes) + (0 if before is None else before.size)
        self._scopes = scopes
        self._before = before
        self._made: dict[Pair, CallPlan | None] = {}
        self._asked: set[Pair] | None = None

    def find(self, pair: Pair) -> tuple[CallPlan | None, int]:
        """Give a plan for a tool, if it pays to have one, and for how many links, from the first, it speaks.

        From the second call of a tool on, that is all of them. For the first, the links that were known before have
        one: their other children need it, too.
        """
        if pair not in self._made:
            if pair not in self._scopes[-1].by_pair:  # what is not permitted leaves no trace: there is no end of it
                return None, 0
            if self._asked is None:  # an empty set of its own would be much of what is remembered of a chain
                self._asked = set()
            if pair not in self._asked:
                self._asked.add(pair)
                return (None, 0) if self._before is None else (self._before.whole(pair), self._before.size)
        return self.whole(pair), self.size

    def whole(self, pair: Pair) -> CallPlan | None:
        """Give the plan of all links for a tool; None if one is silent on it."""
        if pair in self._made:
            return self._made[pair]
        plan = _NO_LINK if self._before is None else self._before.whole(pair)
        for scope in self._scopes:
            plan = None if plan is None else plan.narrowed_by(scope.by_pair.get(pair))
        if pair in self._scopes[-1].by_pair:
            self._made[pair] = plan
        return plan
