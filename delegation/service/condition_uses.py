"""What was used of the counts and budgets of recorded links, for those who look back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from delegation.core.codec import decode_link, parse_link
from delegation.core.conditions import ApprovalRequirement, Budget, CallCount
from delegation.core.constraints.decimals import format_decimal
from delegation.core.lineage import ConditionUse
from delegation.core.scope import Scope
from delegation.core.usage import CALLS, NOTHING_USED
from delegation.service.recorded_links import payload_and_signature
from delegation.storage.records import LinkRecord
from delegation.storage.sessions import UsageRecord


def scope_of(record: LinkRecord) -> Scope:
    """Give what a recorded link permits."""
    payload, _ = payload_and_signature(record)
    return decode_link(parse_link(payload), payload).scope


def has_uses(scope: Scope) -> bool:
    """Tell whether anything of a scope is used up."""
    return any(_maxima(scope))


def uses_of(record: LinkRecord, scope: Scope, used: Iterable[UsageRecord]) -> tuple[ConditionUse, ...]:
    """Give what was used of each count and budget of a link, in the order of its scope.

    Args:
        record: the link.
        scope: what it permits.
        used: what was used in its task.
    """
    account = record.task_id if record.index == 0 else record.link_id
    sums = {(row.audience, row.tool, row.argument): row.used for row in used if row.account == account}
    return tuple(
        ConditionUse(audience, tool, argument, sums.get((audience, tool, argument), NOTHING_USED), maximum)
        for audience, tool, argument, maximum in _maxima(scope)
    )


def _maxima(scope: Scope) -> Iterator[tuple[str, str, str, str]]:
    for capability in scope.capabilities:
        for condition in capability.conditions:
            match condition:
                case CallCount(maximum):
                    yield capability.audience, capability.tool, CALLS, format_decimal(maximum)
                case Budget(argument, most):
                    yield capability.audience, capability.tool, argument, most
                case ApprovalRequirement():
                    pass
