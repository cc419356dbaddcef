"""Asking for what a task is summed up from: its links, and all its calls."""

from __future__ import annotations

from delegation.errors import Refused, RequestFailed
from delegation_sdk.flows.lineage import SUMMED_CALLS, each_call, get_task
from delegation_sdk.flows.rpc import Flow
from delegation_sdk.task_summary import CallTally, TaskSummary, summary_of


def task_summary(task_id: bytes, *, limit: int = SUMMED_CALLS) -> Flow[TaskSummary]:
    """Sum up a task (16 bytes): who did what, was refused what and spent what.

    Raises:
        NotFound: There is none, or not for this caller to see.
        RequestFailed: The service did not do it, or gave a link that cannot be read.
    """
    task, links = yield from get_task(task_id)
    tally = CallTally()
    more = yield from each_call(tally.take, task_id=task_id, limit=limit)
    try:
        return summary_of(task, links, tally, more=more)
    except Refused as error:
        raise RequestFailed(f"the service's answer makes no sense: {error}") from None
