"""What was used of the counts and budgets of recorded links, for those who look back.

A task may have thousands of links, of a hundred tools each: only those are read of which something was used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from delegation.core.codec import conditions_of, parse_link
from delegation.core.conditions import ApprovalRequirement, Budget, CallCount, Condition
from delegation.core.constraints.decimals import format_decimal
from delegation.core.demands import CALLS
from delegation.core.lineage import ConditionUse
from delegation.service.recorded_links import payload_and_signature
from delegation.storage.records import LinkRecord
from delegation.storage.sessions import UsageRecord


async def uses_of_links(
    links: Sequence[LinkRecord], used: Sequence[UsageRecord]
) -> dict[bytes, tuple[ConditionUse, ...]]:
    """Give what was used of links' conditions, by link; gives way to others after each link that it reads.

    Args:
        links: the links.
        used: what was used in their task.
    """
    of_accounts: dict[bytes, list[UsageRecord]] = {}
    for row in used:
        of_accounts.setdefault(row.account, []).append(row)
    uses: dict[bytes, tuple[ConditionUse, ...]] = {}
    for link in links:
        if rows := of_accounts.get(link.task_id if link.index == 0 else link.link_id):
            uses[link.link_id] = _uses_of(link, rows)
            await asyncio.sleep(0)
    return uses


def _uses_of(link: LinkRecord, rows: Sequence[UsageRecord]) -> tuple[ConditionUse, ...]:
    """Give what was used of each count and budget of a link of which something was, in the order of its scope."""
    sums = {(row.audience, row.tool, row.argument): row.used for row in rows}
    payload, _ = payload_and_signature(link)
    conditions = conditions_of(parse_link(payload), {(row.audience, row.tool) for row in rows})
    return tuple(
        ConditionUse(audience, tool, argument, sums[audience, tool, argument], maximum)
        for audience, tool, argument, maximum in _maxima(conditions)
        if (audience, tool, argument) in sums
    )


def _maxima(conditions: Mapping[tuple[str, str], Sequence[Condition]]) -> Iterator[tuple[str, str, str, str]]:
    for (audience, tool), of_tool in conditions.items():
        for condition in of_tool:
            match condition:
                case CallCount(maximum):
                    yield audience, tool, CALLS, format_decimal(maximum)
                case Budget(argument, most):
                    yield audience, tool, argument, most
                case ApprovalRequirement():
                    pass
