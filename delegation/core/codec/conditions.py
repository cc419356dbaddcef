"""Conditions <-> messages."""

from __future__ import annotations

from delegation.core import limits
from delegation.core.conditions import ApprovalRequirement, Budget, CallCount, Condition, check_conditions
from delegation.errors import Reason, refusal
from delegation.v1 import chain_pb2 as pb


def conditions_from_messages(messages: list[pb.Condition]) -> tuple[Condition, ...]:
    """Take the conditions of a capability: carried and narrowed, decided by nobody yet.

    Raises:
        Malformed: CONDITION_UNSUPPORTED for an unknown kind, or what is wrong with one.
    """
    if len(messages) > limits.CONDITIONS:  # before any of them is read
        raise refusal(Reason.TOO_MANY_VALUES, detail="conditions of a capability")
    return check_conditions(tuple(map(_condition, messages)))


def _condition(message: pb.Condition) -> Condition:
    match message.WhichOneof("kind"):
        case "call_count":
            return CallCount.of(message.call_count.maximum)
        case "budget":
            return Budget.of(message.budget.argument, message.budget.maximum)
        case "approval":
            return ApprovalRequirement.of(message.approval.approvers, message.approval.threshold)
        case _:
            raise refusal(Reason.CONDITION_UNSUPPORTED, detail="a condition of an unknown kind")


def write_condition(message: pb.Condition, condition: Condition) -> None:
    """Write a condition into an empty message."""
    match condition:
        case CallCount(maximum):
            message.call_count.maximum = maximum
        case Budget(argument, maximum):
            message.budget.argument, message.budget.maximum = argument, maximum
        case ApprovalRequirement(approvers, threshold):
            message.approval.approvers.extend(approvers)
            message.approval.threshold = threshold
