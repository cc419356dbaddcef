"""ApprovalService: read the message, call the use case, write the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from delegation.identity.port import Caller
from delegation.service.approvals import Approvals
from delegation.service.question import Question
from delegation.service.request_approval import RequestApproval
from delegation.service.watch_approvals import WatchApprovals
from delegation.v1 import approval_service_pb2 as pb
from delegation.wire import approvals as wire

_ANY_ATTEMPT = b""  # no decision is taken, so none is repeated


class ApprovalRpcs:
    """The RPCs, by the contract's names."""

    def __init__(
        self, *, request_approval: RequestApproval, approvals: Approvals, watch_approvals: WatchApprovals
    ) -> None:
        self._request_approval = request_approval
        self._approvals = approvals
        self._watch_approvals = watch_approvals

    async def RequestApproval(self, caller: Caller, message: pb.RequestApprovalRequest) -> pb.RequestApprovalResponse:
        """Open a request."""
        wanted = wire.read_request_approval(message)
        question = Question(
            wanted.audience, wanted.tool, wanted.token, wanted.proof, wanted.arguments_json, _ANY_ATTEMPT
        )
        request = await self._request_approval(caller, question)
        return pb.RequestApprovalResponse(request=wire.request_message(request) if request else None)

    async def GetApproval(self, caller: Caller, message: pb.GetApprovalRequest) -> pb.GetApprovalResponse:
        """Give one request."""
        request = await self._approvals.one(caller, wire.read_request_id(message))
        return pb.GetApprovalResponse(request=wire.request_message(request))

    async def ListApprovals(self, caller: Caller, message: pb.ListApprovalsRequest) -> pb.ListApprovalsResponse:
        """List requests."""
        wanted = wire.read_list_approvals(message)
        requests, next_cursor = await self._approvals.list(
            caller,
            pending_only=wanted.pending_only,
            task_id=wanted.task_id,
            cursor=wanted.page.cursor,
            limit=wanted.page.size,
        )
        return wire.approvals_message(requests, next_cursor)

    async def WatchApprovals(
        self, caller: Caller, message: pb.WatchApprovalsRequest
    ) -> AsyncIterator[pb.WatchApprovalsResponse]:
        """Tell of requests."""
        watched = wire.read_watch_approvals(message)
        if watched.request_id is not None:
            telling = self._watch_approvals.one(caller, watched.request_id)
        else:
            telling = self._watch_approvals(caller, task_id=watched.task_id)
        async with aclosing(telling):
            async for request in telling:
                yield wire.watched_message(request)

    async def AnswerApproval(self, caller: Caller, message: pb.AnswerApprovalRequest) -> pb.AnswerApprovalResponse:
        """Take an answer."""
        answer = wire.read_answer_approval(message)
        request = await self._approvals.answer(
            caller,
            answer.request_id,
            arguments_digest=answer.arguments_digest,
            approve=answer.approve,
            justification=answer.justification,
            signed=answer.signed_approval,
        )
        return pb.AnswerApprovalResponse(request=wire.request_message(request))

    async def WithdrawApproval(
        self, caller: Caller, message: pb.WithdrawApprovalRequest
    ) -> pb.WithdrawApprovalResponse:
        """Take a request back."""
        request = await self._approvals.withdraw(caller, wire.read_request_id(message))
        return pb.WithdrawApprovalResponse(request=wire.request_message(request))
