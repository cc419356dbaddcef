"""What else must hold for a call besides its arguments: decided by state, over the calls of a link's whole subtree.

Conditions are carried, narrowed and shown here. Whoever holds the state decides them (`usage`); to everybody else a
capability that has one permits no call.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Self

from delegation.core import limits
from delegation.core.constraints.decimals import exact_number, format_decimal, parse_decimal
from delegation.core.constraints.words import ROOM, clipped, joined
from delegation.core.named_tuple import NamedTuple
from delegation.core.names import check_name
from delegation.errors import Reason, refusal


class CallCount(NamedTuple):
    """At most so many calls by the link's whole subtree."""

    maximum: int

    @classmethod
    def of(cls, maximum: int) -> Self:
        """Take a number, checked.

        Raises:
            Malformed: FIELD_INVALID (S-17).
        """
        if type(maximum) is not int or not 0 < maximum <= limits.SAFE_INTEGER:
            raise refusal(Reason.FIELD_INVALID, detail="a count of calls is from 1 to 2^53-1")
        return cls(maximum)

    def describe(self) -> str:
        """Say it in words."""
        return f"at most {format_decimal(self.maximum)} call{'s' if self.maximum > 1 else ''}"


class Budget(NamedTuple):
    """At most so much (decimal normal form), summed over an argument of the subtree's calls."""

    argument: str
    maximum: str

    @classmethod
    def of(cls, argument: str, maximum: str) -> Self:
        """Take an argument's name and a number in decimal normal form, checked.

        Raises:
            Malformed: FIELD_INVALID (S-17).
        """
        if parse_decimal(maximum) < 0:
            raise refusal(Reason.FIELD_INVALID, detail="a budget below zero")
        return cls(check_name(argument, "an argument's name"), maximum)

    def describe(self) -> str:
        """Say it in words."""
        return f"{self.argument} of at most {self.maximum} in sum"


class ApprovalRequirement(NamedTuple):
    """Consent of `threshold` of these approvers, sorted, to the exact call."""

    approvers: tuple[str, ...]
    threshold: int

    @classmethod
    def of(cls, approvers: Iterable[str], threshold: int) -> Self:
        """Take approvers and how many of them it takes, checked.

        Raises:
            Malformed: TOO_MANY_VALUES past 64 approvers, FIELD_INVALID (S-17).
        """
        named = tuple(approvers)
        if len(named) > limits.APPROVERS:
            raise refusal(Reason.TOO_MANY_VALUES, detail="approvers of a condition")
        for approver in named:
            check_name(approver, "an approver")
        if sorted(set(named)) != list(named):
            raise refusal(Reason.FIELD_INVALID, detail="approvers are not sorted and unique")
        if type(threshold) is not int or not 0 < threshold <= len(named):
            raise refusal(Reason.FIELD_INVALID, detail="a threshold is from 1 to the number of approvers")
        return cls(named, threshold)

    def describe(self) -> str:
        """Say it in words."""
        return f"approval by {self.threshold} of {joined(self.approvers, clipped, ', ', ROOM)}"


Condition = CallCount | Budget | ApprovalRequirement


def at_most_calls(maximum: int) -> CallCount:
    """Permit a number of calls, by the holder and by all whom it hands on to together.

    Raises:
        Malformed: FIELD_INVALID for what is not from 1 to 2^53-1.
    """
    return CallCount.of(maximum)


def budget(argument: str, maximum: str | float | Decimal) -> Budget:
    """Permit so much in sum, over an argument of all calls: `budget("amount", "500.00")`.

    Raises:
        Malformed: FIELD_INVALID for a number that is not exact, or below zero.
    """
    return Budget.of(argument, format_decimal(exact_number(maximum)))


def approved_by(*approvers: str, threshold: int = 1) -> ApprovalRequirement:
    """Demand that so many of these consent to each call.

    Raises:
        Malformed: FIELD_INVALID for no approver, or a threshold that they cannot reach; TOO_MANY_VALUES past 64.
    """
    return ApprovalRequirement.of(sorted(set(approvers)), threshold)


def _rank(condition: Condition) -> tuple[object, ...]:
    match condition:
        case CallCount():
            return (0,)
        case Budget(argument):
            return 1, argument
        case ApprovalRequirement():
            return 2, *condition


def in_order(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Sort conditions as S-8 says: count of calls, budgets by argument, approvals."""
    return tuple(sorted(conditions, key=_rank))


def check_conditions(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Require the conditions of a capability to be sorted, and few enough, and not to say one thing twice (S-8).

    Raises:
        Malformed: TOO_MANY_VALUES past 8, FIELD_INVALID.
    """
    if len(conditions) > limits.CONDITIONS:
        raise refusal(Reason.TOO_MANY_VALUES, detail="conditions of a capability")
    ranks = list(map(_rank, conditions))
    if any(one >= other for one, other in pairwise(ranks)):
        raise refusal(Reason.FIELD_INVALID, detail="conditions are not sorted, or say one thing twice")
    return conditions


def no_wider(child: Condition, parent: Condition) -> bool:
    """Tell whether a condition is at least as strict as another (N-9)."""
    match child, parent:
        case CallCount(), CallCount():
            return child.maximum <= parent.maximum
        case Budget(), Budget():
            return child.argument == parent.argument and parse_decimal(child.maximum) <= parse_decimal(parent.maximum)
        case ApprovalRequirement(), ApprovalRequirement():
            return set(child.approvers) <= set(parent.approvers) and child.threshold >= parent.threshold
        case _:
            return False
