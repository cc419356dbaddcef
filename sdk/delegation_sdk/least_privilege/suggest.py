"""The tightest scope that would have served recorded calls: tools, arguments, how often in a task.

Where arguments were not kept nothing can be said of them: what was granted for them stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from delegation.core import limits
from delegation.core.conditions import (
    ApprovalRequirement,
    Budget,
    Condition,
    at_most_calls,
    budget,
    check_conditions,
    in_order,
)
from delegation.core.constraints import Argument
from delegation.core.constraints.decimals import format_decimal, number_of_text, parse_decimal
from delegation.core.narrowing import scope_within
from delegation.core.scope import Capability, Scope
from delegation.errors import Refused
from delegation_sdk.least_privilege.generalise import Generaliser
from delegation_sdk.least_privilege.observed import ObservedCall, Pair

_MOST_GRANTED: Final = 64
"""Different permissions of one tool that are compared with each other."""


class Basis(StrEnum):
    """What a tool's suggested arguments rest on."""

    CALLS = "calls"
    """The arguments of all its calls."""
    GRANTED = "granted"
    """What was granted for them: of some calls they were not kept."""
    NOTHING = "nothing"
    """Any arguments: they were not kept and nothing granted covers them all, or no scope can name them."""


@dataclass(frozen=True, slots=True)
class SuggestedTool:
    """What is suggested for one tool.

    Attributes:
        capability: the suggestion.
        basis: what its arguments rest on.
        calls: how many calls were made.
        tasks: in how many tasks.
        unknown: of how many calls not all arguments were kept.
    """

    capability: Capability
    basis: Basis
    calls: int
    tasks: int
    unknown: int


def suggested_tools(calls: Iterable[ObservedCall], generaliser: Generaliser) -> tuple[SuggestedTool, ...]:
    """Suggest a capability for each tool that was called, by audience and name."""
    by_pair: dict[Pair, list[ObservedCall]] = defaultdict(list)
    for call in calls:
        by_pair[call.pair].append(call)
    return tuple(_suggested(pair, by_pair[pair], generaliser) for pair in sorted(by_pair))


def _suggested(pair: Pair, calls: Sequence[ObservedCall], generaliser: Generaliser) -> SuggestedTool:
    whole = [call.kept.plain for call in calls if call.kept is not None and call.is_whole]
    unknown = len(calls) - len(whole)
    if unknown:
        arguments, basis = _as_granted(calls, generaliser)
    else:
        arguments = generaliser.arguments(whole)
        basis = Basis.NOTHING if arguments is None else Basis.CALLS
    of_tasks = Counter(call.task_id for call in calls)
    conditions = _conditions(calls, max(of_tasks.values()))
    return SuggestedTool(Capability(*pair, arguments, conditions), basis, len(calls), len(of_tasks), unknown)


# -- arguments that were not kept


def _as_granted(calls: Sequence[ObservedCall], generaliser: Generaliser) -> tuple[dict[str, Argument] | None, Basis]:
    """Give what was granted, tightened by those arguments that were kept of every call."""
    widest = _widest(calls)
    if widest is None:
        return None, Basis.NOTHING
    if widest.arguments is None:
        return None, Basis.GRANTED
    arguments = dict(widest.arguments)
    for name in arguments:
        values = [call.kept.plain[name] for call in calls if call.kept is not None and name in call.kept.plain]
        if len(values) == len(calls):
            arguments[name] = Argument(generaliser.constraint(values))
    return arguments, Basis.GRANTED


def _widest(calls: Sequence[ObservedCall]) -> Capability | None:
    """Give the one permission among those that the calls were made with that covers all others."""
    seen = {id(call.held): call.held for call in calls}
    different: list[Capability] = []
    for held in seen.values():
        if held is None:
            return None
        bare = held._replace(conditions=())
        if bare not in different:
            different.append(bare)
        if len(different) > _MOST_GRANTED:
            return None
    return next((wide for wide in different if all(_covers(wide, other) for other in different)), None)


def _covers(wide: Capability, other: Capability) -> bool:
    try:
        scope_within(Scope(other), Scope(wide))
    except Refused:
        return False
    return True


# -- conditions


def _conditions(calls: Sequence[ObservedCall], most_in_a_task: int) -> tuple[Condition, ...]:
    """Give how often a task may call; and what every grant demanded besides, as tight as is known."""
    granted = list({id(call.granted): call.granted for call in calls}.values())
    conditions: list[Condition] = []
    first = granted[0]
    if first is not None and all(other is not None for other in granted):
        demanded = [other.conditions for other in granted if other is not None]
        conditions += [
            each
            for each in first.conditions
            if isinstance(each, ApprovalRequirement) and all(each in others for others in demanded)
        ]
        for each in first.conditions:
            if isinstance(each, Budget) and (most := _budget(each.argument, demanded, calls)) is not None:
                conditions.append(budget(each.argument, most))
    if len(conditions) < limits.CONDITIONS:
        conditions.append(at_most_calls(most_in_a_task))
    return check_conditions(in_order(conditions))


def _budget(argument: str, demanded: Sequence[tuple[Condition, ...]], calls: Sequence[ObservedCall]) -> str | None:
    """Give the largest sum of a task; where it is not known, the largest that was granted; None: not all had one."""
    maxima = [
        [each.maximum for each in others if isinstance(each, Budget) and each.argument == argument]
        for others in demanded
    ]
    if not all(maxima):
        return None
    sums: dict[bytes, Decimal] = defaultdict(Decimal)
    for call in calls:
        amount = amount_of(call, argument)
        if amount is None:
            return max(
                (maximum for found in maxima for maximum in found), key=lambda text: Decimal(parse_decimal(text))
            )
        sums[call.task_id] += amount
    return format_decimal(max(sums.values()))


def amount_of(call: ObservedCall, argument: str) -> Decimal | None:
    """Give the number that an argument was, or None if that is not known."""
    value = None if call.kept is None else call.kept.plain.get(argument)
    if isinstance(value, str):
        value = number_of_text(value)
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
