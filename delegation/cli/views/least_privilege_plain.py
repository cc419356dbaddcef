"""What was used and what would have been enough as plain data, for `--json`."""

from __future__ import annotations

from typing import Any

from delegation.cli.views.plain import plain_task
from delegation.core.lineage import RecordedTask
from delegation.core.notation import scope_to_plain
from delegation_sdk.least_privilege.unused import LinkUse, TaskUse


def plain_task_use(task: RecordedTask, use: TaskUse) -> dict[str, Any]:
    """Write what was used of a task's links."""
    return {
        "task": plain_task(task),
        "links": [_plain_link_use(link) for link in use.links],
        "calls": use.calls,
        "calls_on_no_recorded_link": use.elsewhere,
        "more_calls": use.more,
    }


def _plain_link_use(link: LinkUse) -> dict[str, Any]:
    return {
        "link_id": link.link_id.hex(),
        "parent_link_id": link.parent_link_id.hex() if link.parent_link_id else None,
        "index": link.index,
        "holder_agent": link.holder_agent,
        "revoked": link.revoked,
        "used": [
            {"audience": audience, "tool": tool, "calls": link.calls[audience, tool]}
            for audience, tool in link.scope.by_pair
            if link.calls.get((audience, tool))
        ],
        "unused": scope_to_plain(link.unused),
    }
