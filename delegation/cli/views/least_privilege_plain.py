"""What was used and what would have been enough as plain data, for `--json`."""

from __future__ import annotations

from typing import Any

from delegation.cli.views.plain import plain_refusal, plain_task
from delegation.core.lineage import RecordedTask
from delegation.core.notation import scope_to_plain
from delegation_sdk.least_privilege.builder_code import builder_code
from delegation_sdk.least_privilege.suggestion import Suggestion
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


def plain_suggestion(found: Suggestion, purpose: str) -> dict[str, Any]:
    """Write a suggestion, what it rests on and how it was tried."""
    trial = found.trial
    return {
        "purpose": purpose,
        "scope": scope_to_plain(found.scope),
        "code": builder_code(found.scope),
        "tools": [
            {
                "audience": each.capability.audience,
                "tool": each.capability.tool,
                "arguments_from": str(each.basis),
                "calls": each.calls,
                "tasks": each.tasks,
                "calls_with_unknown_arguments": each.unknown,
            }
            for each in found.tools
        ],
        "tasks": found.tasks,
        "more_tasks": found.more_tasks,
        "more_calls": found.more_calls,
        "trial": {
            "calls": trial.calls,
            "permitted": trial.permitted,
            "permitted_by_what_was_granted": trial.by_granted,
            "undecided": trial.undecided,
            "refused": [
                {"audience": pair[0], "tool": pair[1], "refusal": plain_refusal(error)} for pair, error in trial.refused
            ],
        },
    }
