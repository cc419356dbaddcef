"""Looking back: tasks, chains and calls as the service recorded them. Lists are read page by page, up to a limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from delegation.core.codec import parse_token
from delegation.core.lineage import CallExplanation, RecordedCall, RecordedLink, RecordedTask
from delegation.errors import Refused, RequestFailed
from delegation.v1 import lineage_service_pb2 as pb
from delegation.wire.lineage import (
    CallsWanted,
    TasksWanted,
    list_tasks_request_message,
    read_calls_response,
    read_explanation,
    read_task_response,
    read_tasks_response,
    search_calls_request_message,
)
from delegation.wire.paging import MAX_PAGE_SIZE, PageRequest
from delegation_sdk.flows.rpc import Flow, Rpc

E = TypeVar("E")

_SERVICE: Final = "delegation.v1.LineageService"
DEFAULT_LIMIT: Final = 50
SUMMED_CALLS: Final = 100_000
"""Calls that are counted for a summary, or looked at for what was needed, newest first."""
SUMMED_TASKS: Final = 1_000
"""Tasks of a purpose that are looked at, newest first."""


@dataclass(frozen=True, slots=True)
class Found(Generic[E]):
    """Part of a list.

    Attributes:
        items: Newest first.
        more: Whether there are older ones beyond the limit.
    """

    items: tuple[E, ...]
    more: bool


def get_task(task_id: bytes) -> Flow[tuple[RecordedTask, tuple[RecordedLink, ...]]]:
    """Get a task (16 bytes) with its links, parents before children.

    Raises:
        NotFound: There is none, or not for this caller to see.
        RequestFailed: The service did not do it.
    """
    answer = yield Rpc(f"{_SERVICE}/GetTask", pb.GetTaskRequest(task_id=task_id), pb.GetTaskResponse)
    return read_task_response(answer)


def list_tasks(
    *, active_only: bool = False, holder_agent: str | None = None, limit: int = DEFAULT_LIMIT
) -> Flow[Found[RecordedTask]]:
    """List tasks, newest first. Raises `RequestFailed`."""
    wanted = TasksWanted(active_only=active_only, holder_agent=holder_agent)

    def ask(page: PageRequest) -> Rpc:
        request = list_tasks_request_message(replace(wanted, page=page))
        return Rpc(f"{_SERVICE}/ListTasks", request, pb.ListTasksResponse)

    return _pages(ask, read_tasks_response, limit)


def tasks_that(
    are_meant: Callable[[RecordedTask], bool], *, since_ms: int = 0, limit: int = DEFAULT_LIMIT
) -> Flow[Found[RecordedTask]]:
    """List the tasks that are meant, of those that began at or after a time, newest first. Raises `RequestFailed`."""
    meant: list[RecordedTask] = []
    cursor: bytes | None = None
    while True:
        request = list_tasks_request_message(TasksWanted(PageRequest(MAX_PAGE_SIZE, cursor)))
        answer = yield Rpc(f"{_SERVICE}/ListTasks", request, pb.ListTasksResponse)
        tasks, cursor = read_tasks_response(answer)
        recent = [task for task in tasks if task.created_at_ms >= since_ms]
        meant += filter(are_meant, recent)
        if len(meant) > limit:
            return Found(tuple(meant[:limit]), more=True)
        if cursor is None or not recent:
            return Found(tuple(meant), more=False)


def search_calls(
    *,
    task_id: bytes | None = None,
    audience: str | None = None,
    tool: str | None = None,
    agent: str | None = None,
    allowed: bool | None = None,
    observed: bool | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Flow[Found[RecordedCall]]:
    """Find calls, newest first; None does not restrict. Raises `RequestFailed`."""
    wanted = CallsWanted(task_id=task_id, audience=audience, tool=tool, agent=agent, allowed=allowed, observed=observed)

    def ask(page: PageRequest) -> Rpc:
        request = search_calls_request_message(replace(wanted, page=page))
        return Rpc(f"{_SERVICE}/SearchCalls", request, pb.SearchCallsResponse)

    return _pages(ask, read_calls_response, limit)


def each_call(
    take: Callable[[tuple[RecordedCall, ...]], None], *, task_id: bytes, allowed: bool | None = None, limit: int
) -> Flow[bool]:
    """Give a task's calls page by page, newest first, up to a limit; tell whether there are older ones.

    Raises `RequestFailed`.
    """
    wanted = CallsWanted(task_id=task_id, allowed=allowed)
    cursor: bytes | None = None
    taken = 0
    while taken < limit:
        page = PageRequest(min(limit - taken, MAX_PAGE_SIZE), cursor)
        request = search_calls_request_message(replace(wanted, page=page))
        answer = yield Rpc(f"{_SERVICE}/SearchCalls", request, pb.SearchCallsResponse)
        calls, cursor = read_calls_response(answer)
        take(calls)
        taken += len(calls)
        if cursor is None or not calls:
            return False
    return True


def calls_page(wanted: CallsWanted) -> Flow[tuple[tuple[RecordedCall, ...], bytes | None]]:
    """Find a page of calls, newest first, and where the next one begins. Raises `RequestFailed`."""
    answer = yield Rpc(f"{_SERVICE}/SearchCalls", search_calls_request_message(wanted), pb.SearchCallsResponse)
    return read_calls_response(answer)


def explain_call(call_id: bytes) -> Flow[CallExplanation]:
    """Get a call (16 bytes) with its task and the links of its chain.

    Raises:
        NotFound: There is none, or not for this caller to see.
        RequestFailed: The service did not do it.
    """
    answer = yield Rpc(f"{_SERVICE}/ExplainCall", pb.ExplainCallRequest(call_id=call_id), pb.ExplainCallResponse)
    return read_explanation(answer)


def get_chain(link_id: bytes) -> Flow[bytes]:
    """Get the token of the chain that ends in a link (32 bytes). It is not verified.

    Raises:
        NotFound: There is none, or not for this caller to see.
        RequestFailed: The service did not do it, or gave something that is no token.
    """
    answer: pb.GetChainResponse = yield Rpc(
        f"{_SERVICE}/GetChain", pb.GetChainRequest(link_id=link_id), pb.GetChainResponse
    )
    try:
        return parse_token(answer.token).token
    except Refused as error:
        raise RequestFailed(f"the service's answer makes no sense: {error}") from None


def _pages(
    ask: Callable[[PageRequest], Rpc], read: Callable[..., tuple[tuple[E, ...], bytes | None]], limit: int
) -> Flow[Found[E]]:
    items: list[E] = []
    cursor: bytes | None = None
    while len(items) < limit:
        answer = yield ask(PageRequest(min(limit - len(items), MAX_PAGE_SIZE), cursor))
        page, cursor = read(answer)
        items += page
        if cursor is None:
            break
    return Found(tuple(items[:limit]), cursor is not None or len(items) > limit)
