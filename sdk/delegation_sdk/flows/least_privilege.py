"""Asking for what least privilege is measured by: the links of tasks, and the calls that were permitted on them."""

from __future__ import annotations

from delegation.core.lineage import RecordedLink, RecordedTask
from delegation.errors import Refused, RequestFailed
from delegation_sdk.flows.lineage import SUMMED_CALLS, SUMMED_TASKS, each_call, get_task, tasks_that
from delegation_sdk.flows.rpc import Flow
from delegation_sdk.least_privilege.observed import Observations
from delegation_sdk.least_privilege.purposes import matches
from delegation_sdk.least_privilege.suggestion import Suggestion, suggestion_from
from delegation_sdk.least_privilege.unused import CallCounts, TaskUse, use_of
from delegation_sdk.sources import Sources


def scope_use(task_id: bytes, *, limit: int = SUMMED_CALLS) -> Flow[TaskUse]:
    """Tell what was used of everything granted in a task (16 bytes), and what was not.

    Raises:
        NotFound: There is no such task, or not for this caller to see.
        RequestFailed: The service did not do it, or gave a link that cannot be read.
    """
    _, links = yield from get_task(task_id)
    counts = CallCounts()
    more = yield from each_call(counts.take, task_id=task_id, allowed=True, limit=limit)
    try:
        return use_of(links, counts, more=more)
    except Refused as error:
        raise RequestFailed(f"the service's answer makes no sense: {error}") from None


def suggest_scope(
    purpose: str,
    *,
    since_ms: int = 0,
    max_tasks: int = SUMMED_TASKS,
    max_calls: int = SUMMED_CALLS,
    sources: Sources,
) -> Flow[Suggestion]:
    """Suggest the tightest scope that would have served the permitted calls of tasks with a purpose.

    Args:
        purpose: The purpose of their grants; `*` stands for what differs.
        since_ms: Only tasks that began at or after it, milliseconds since the Unix epoch.
        max_tasks: At most so many of them, newest first.
        max_calls: At most so many calls, those of newer tasks first.
        sources: Clock and randomness for trying the suggestion.

    Raises:
        RequestFailed: The service did not do it, or gave a link that cannot be read.
        Malformed: What was called does not fit into a scope.
    """
    found = yield from tasks_that(lambda task: matches(purpose, task.purpose), since_ms=since_ms, limit=max_tasks)
    observed = Observations()
    more_calls = False
    for task in found.items:
        _, links = yield from get_task(task.task_id)
        _begin(observed, task, links)
        room = max_calls - len(observed.calls)
        older = not room or (yield from each_call(observed.take, task_id=task.task_id, allowed=True, limit=room))
        more_calls = more_calls or older
        if not room:
            break
    return suggestion_from(observed, sources, more_tasks=found.more, more_calls=more_calls)


def _begin(observed: Observations, task: RecordedTask, links: tuple[RecordedLink, ...]) -> None:
    try:
        observed.begin_task(task.task_id, links)
    except Refused as error:
        raise RequestFailed(f"the service's answer makes no sense: {error}") from None
