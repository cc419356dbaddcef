"""LineageService: read the message, call the use case, write the answer."""

from __future__ import annotations

from delegation.identity.port import Caller
from delegation.service.lineage import Lineage
from delegation.v1 import lineage_service_pb2 as pb
from delegation.wire import lineage as wire


class LineageRpcs:
    """The RPCs, by the contract's names."""

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage

    async def GetTask(self, caller: Caller, message: pb.GetTaskRequest) -> pb.GetTaskResponse:
        """Give one task with all its links."""
        task, links = await self._lineage.task(caller, wire.read_task_id(message))
        return wire.task_response_message(task, links)

    async def ListTasks(self, caller: Caller, message: pb.ListTasksRequest) -> pb.ListTasksResponse:
        """List tasks."""
        wanted = wire.read_list_tasks_request(message)
        tasks, next_cursor = await self._lineage.tasks(
            caller,
            active_only=wanted.active_only,
            holder_agent=wanted.holder_agent,
            cursor=wanted.page.cursor,
            limit=wanted.page.size,
        )
        return wire.tasks_response_message(tasks, next_cursor)

    async def GetChain(self, caller: Caller, message: pb.GetChainRequest) -> pb.GetChainResponse:
        """Give the chain that ends in a link."""
        return pb.GetChainResponse(token=await self._lineage.chain(caller, wire.read_link_id(message)))

    async def SearchCalls(self, caller: Caller, message: pb.SearchCallsRequest) -> pb.SearchCallsResponse:
        """Find calls."""
        wanted = wire.read_search_calls_request(message)
        calls, next_cursor = await self._lineage.calls(
            caller,
            task_id=wanted.task_id,
            audience=wanted.audience,
            tool=wanted.tool,
            agent=wanted.agent,
            allowed=wanted.allowed,
            observed=wanted.observed,
            cursor=wanted.page.cursor,
            limit=wanted.page.size,
        )
        return wire.calls_response_message(calls, next_cursor)

    async def ExplainCall(self, caller: Caller, message: pb.ExplainCallRequest) -> pb.ExplainCallResponse:
        """Tell why a call was decided as it was."""
        return wire.explanation_message(await self._lineage.explain(caller, wire.read_call_id(message)))
