"""Asking for what least privilege is measured by: the links of tasks, and the calls that were permitted on them."""

from __future__ import annotations

from typing import Final

from delegation.errors import Refused, RequestFailed
from delegation_sdk.flows.lineage import each_call, get_task
from delegation_sdk.flows.rpc import Flow
from delegation_sdk.least_privilege.unused import CallCounts, TaskUse, use_of

DEFAULT_CALLS: Final = 100_000
"""Calls that are looked at, newest first."""


def scope_use(task_id: bytes, *, limit: int = DEFAULT_CALLS) -> Flow[TaskUse]:
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
