"""Looking back through the service: the blocking and the asyncio driver of `flows.lineage`, side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from delegation.core.lineage import CallExplanation, RecordedCall, RecordedLink, RecordedTask
from delegation.wire.lineage import CallsWanted
from delegation.wire.paging import MAX_PAGE_SIZE, PageRequest
from delegation_sdk.flows import lineage as flows
from delegation_sdk.flows.lineage import DEFAULT_LIMIT, Found
from delegation_sdk.sources import Sources
from delegation_sdk.transport import AsyncTransport, Transport, run, run_async

if TYPE_CHECKING:  # what few ask for is loaded when they do
    from delegation_sdk.least_privilege.suggestion import Suggestion
    from delegation_sdk.least_privilege.unused import TaskUse
    from delegation_sdk.task_summary import TaskSummary

__all__ = ["AsyncLineage", "Found", "Lineage"]

_WHOLE_PAGES: Final = PageRequest(MAX_PAGE_SIZE)


class Lineage:
    """What the service recorded, as far as this caller may see it. From `Client.lineage`.

    Every method raises `NotFound` for what is not there or not to be seen, and otherwise `RequestFailed`.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get_task(self, task_id: bytes) -> tuple[RecordedTask, tuple[RecordedLink, ...]]:
        """Get a task (16 bytes) with its links, parents before children."""
        return run(flows.get_task(task_id), self._transport)

    def list_tasks(
        self, *, active_only: bool = False, holder_agent: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Found[RecordedTask]:
        """List tasks, newest first."""
        return run(flows.list_tasks(active_only=active_only, holder_agent=holder_agent, limit=limit), self._transport)

    def get_chain(self, link_id: bytes) -> bytes:
        """Get the token, unverified, of the chain that ends in a link (32 bytes)."""
        return run(flows.get_chain(link_id), self._transport)

    def search_calls(
        self,
        *,
        task_id: bytes | None = None,
        audience: str | None = None,
        tool: str | None = None,
        agent: str | None = None,
        allowed: bool | None = None,
        observed: bool | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Found[RecordedCall]:
        """Find calls, newest first; None does not restrict. Calls that are `observed` were refused, and ran."""
        flow = flows.search_calls(
            task_id=task_id,
            audience=audience,
            tool=tool,
            agent=agent,
            allowed=allowed,
            observed=observed,
            limit=limit,
        )
        return run(flow, self._transport)

    def each_call(
        self,
        *,
        task_id: bytes | None = None,
        audience: str | None = None,
        tool: str | None = None,
        agent: str | None = None,
        allowed: bool | None = None,
        observed: bool | None = None,
    ) -> Iterator[RecordedCall]:
        """Give all calls, newest first, page by page as they are taken; None does not restrict."""
        wanted = CallsWanted(_WHOLE_PAGES, task_id, audience, tool, agent, allowed, observed)
        while True:
            calls, cursor = run(flows.calls_page(wanted), self._transport)
            yield from calls
            if cursor is None:
                return
            wanted = replace(wanted, page=PageRequest(MAX_PAGE_SIZE, cursor))

    def explain_call(self, call_id: bytes) -> CallExplanation:
        """Get a call (16 bytes) with its task and the links of its chain."""
        return run(flows.explain_call(call_id), self._transport)

    def task_summary(self, task_id: bytes, *, limit: int = flows.SUMMED_CALLS) -> TaskSummary:
        """Sum up a task (16 bytes): who did what, was refused what and spent what.

        Args:
            task_id: The task.
            limit: Calls that are counted, newest first.
        """
        from delegation_sdk.flows import task_summary

        return run(task_summary.task_summary(task_id, limit=limit), self._transport)

    def scope_use(self, task_id: bytes, *, limit: int = flows.SUMMED_CALLS) -> TaskUse:
        """Tell what was used of everything granted in a task (16 bytes), and what never was.

        Args:
            task_id: The task.
            limit: Permitted calls that are looked at, newest first.
        """
        from delegation_sdk.flows import least_privilege

        return run(least_privilege.scope_use(task_id, limit=limit), self._transport)

    def suggest_scope(
        self,
        purpose: str,
        *,
        since_ms: int = 0,
        max_tasks: int = flows.SUMMED_TASKS,
        max_calls: int = flows.SUMMED_CALLS,
    ) -> Suggestion:
        """Suggest the tightest scope that would have served the permitted calls of tasks with a purpose.

        Args:
            purpose: The purpose of their grants; `*` stands for what differs from task to task.
            since_ms: Only tasks that began at or after it, milliseconds since the Unix epoch.
            max_tasks: At most so many of them, newest first.
            max_calls: At most so many calls.
        """
        from delegation_sdk.flows import least_privilege

        flow = least_privilege.suggest_scope(
            purpose, since_ms=since_ms, max_tasks=max_tasks, max_calls=max_calls, sources=Sources.system()
        )
        return run(flow, self._transport)


class AsyncLineage:
    """The twin of `Lineage` for asyncio. From `AsyncClient.lineage`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get_task(self, task_id: bytes) -> tuple[RecordedTask, tuple[RecordedLink, ...]]:
        """Get a task (16 bytes) with its links, parents before children."""
        return await run_async(flows.get_task(task_id), self._transport)

    async def list_tasks(
        self, *, active_only: bool = False, holder_agent: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Found[RecordedTask]:
        """List tasks, newest first."""
        flow = flows.list_tasks(active_only=active_only, holder_agent=holder_agent, limit=limit)
        return await run_async(flow, self._transport)

    async def get_chain(self, link_id: bytes) -> bytes:
        """Get the token, unverified, of the chain that ends in a link (32 bytes)."""
        return await run_async(flows.get_chain(link_id), self._transport)

    async def search_calls(
        self,
        *,
        task_id: bytes | None = None,
        audience: str | None = None,
        tool: str | None = None,
        agent: str | None = None,
        allowed: bool | None = None,
        observed: bool | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Found[RecordedCall]:
        """Find calls, newest first; None does not restrict. Calls that are `observed` were refused, and ran."""
        flow = flows.search_calls(
            task_id=task_id,
            audience=audience,
            tool=tool,
            agent=agent,
            allowed=allowed,
            observed=observed,
            limit=limit,
        )
        return await run_async(flow, self._transport)

    async def each_call(
        self,
        *,
        task_id: bytes | None = None,
        audience: str | None = None,
        tool: str | None = None,
        agent: str | None = None,
        allowed: bool | None = None,
        observed: bool | None = None,
    ) -> AsyncIterator[RecordedCall]:
        """Give all calls, newest first, page by page as they are taken; None does not restrict."""
        wanted = CallsWanted(_WHOLE_PAGES, task_id, audience, tool, agent, allowed, observed)
        while True:
            calls, cursor = await run_async(flows.calls_page(wanted), self._transport)
            for call in calls:
                yield call
            if cursor is None:
                return
            wanted = replace(wanted, page=PageRequest(MAX_PAGE_SIZE, cursor))

    async def explain_call(self, call_id: bytes) -> CallExplanation:
        """Get a call (16 bytes) with its task and the links of its chain."""
        return await run_async(flows.explain_call(call_id), self._transport)

    async def task_summary(self, task_id: bytes, *, limit: int = flows.SUMMED_CALLS) -> TaskSummary:
        """Sum up a task (16 bytes): who did what, was refused what and spent what.

        Args:
            task_id: The task.
            limit: Calls that are counted, newest first.
        """
        from delegation_sdk.flows import task_summary

        return await run_async(task_summary.task_summary(task_id, limit=limit), self._transport)

    async def scope_use(self, task_id: bytes, *, limit: int = flows.SUMMED_CALLS) -> TaskUse:
        """Tell what was used of everything granted in a task (16 bytes), and what never was.

        Args:
            task_id: The task.
            limit: Permitted calls that are looked at, newest first.
        """
        from delegation_sdk.flows import least_privilege

        return await run_async(least_privilege.scope_use(task_id, limit=limit), self._transport)

    async def suggest_scope(
        self,
        purpose: str,
        *,
        since_ms: int = 0,
        max_tasks: int = flows.SUMMED_TASKS,
        max_calls: int = flows.SUMMED_CALLS,
    ) -> Suggestion:
        """Suggest the tightest scope that would have served the permitted calls of tasks with a purpose.

        Args:
            purpose: The purpose of their grants; `*` stands for what differs from task to task.
            since_ms: Only tasks that began at or after it, milliseconds since the Unix epoch.
            max_tasks: At most so many of them, newest first.
            max_calls: At most so many calls.
        """
        from delegation_sdk.flows import least_privilege

        flow = least_privilege.suggest_scope(
            purpose, since_ms=since_ms, max_tasks=max_tasks, max_calls=max_calls, sources=Sources.system()
        )
        return await run_async(flow, self._transport)
