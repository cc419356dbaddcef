"""People's consent to calls, through the service: the blocking and the asyncio driver of `flows.approvals`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, Self

from delegation.core.approval_request import ApprovalRequest
from delegation.core.keys import Signer
from delegation.errors import InvalidRequest
from delegation.wire.approvals import ApprovalWanted
from delegation_sdk.approval_watch import ApprovalWatch, AsyncApprovalWatch, approved, approved_async
from delegation_sdk.call import Call
from delegation_sdk.context import Carriage
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows import approvals as flows
from delegation_sdk.flows.lineage import DEFAULT_LIMIT, Found
from delegation_sdk.lifetimes import Lifetime, lifetime_ms
from delegation_sdk.sources import Sources
from delegation_sdk.transport import AsyncTransport, Transport, run, run_async

__all__ = ["ApprovalRequest", "ApprovalWatch", "Approvals", "AsyncApprovalWatch", "AsyncApprovals", "Found"]


class Approvals:
    """Requests for approval, as far as this caller may see them. From `Client.approvals`.

    Every method raises `NotFound` for what is not there or not to be seen, and otherwise `RequestFailed`.
    """

    def __init__(self, transport: Transport, sources: Sources, *, caller: str) -> None:
        self._transport = transport
        self._sources = sources
        self._caller = caller

    def request(
        self, delegation: Delegation, audience: str, tool: str, arguments: Mapping[str, Any] | None = None
    ) -> ApprovalRequest | None:
        """Ask for the approval of a call, and do not wait; None if it needs none. Asked again, it is the same request.

        Raises:
            Refused: The call is refused whoever approves it.
            Overloaded: Too many requests of the task are open.
        """
        wanted = _wanted(Delegation.call(delegation, audience, tool, arguments))
        return run(flows.request_approval(wanted), self._transport)

    def wait(
        self,
        delegation: Delegation,
        audience: str,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Lifetime,
    ) -> ApprovalRequest | None:
        """Ask for the approval of a call, and wait until it is there; None if it needs none.

        Raises:
            ConditionUnmet: APPROVAL_REQUIRED: it was refused, or nobody has answered in time.
            Refused: The call is refused whoever approves it.
        """
        waiting = flows.Waiting(lifetime_ms(timeout), self._sources)
        request = self.request(delegation, audience, tool, arguments)
        return None if request is None else approved(request, waiting, self._transport)

    def wait_for(self, request_id: bytes, *, timeout: Lifetime) -> ApprovalRequest:
        """Wait until a request (16 bytes), such as a refusal names, is approved.

        Raises:
            ConditionUnmet: APPROVAL_REQUIRED: it was refused or is over, or nobody has answered in time.
        """
        waiting = flows.Waiting(lifetime_ms(timeout), self._sources)
        return approved(self.get(request_id), waiting, self._transport)

    def get(self, request_id: bytes) -> ApprovalRequest:
        """Get one request (16 bytes)."""
        return run(flows.get_approval(request_id), self._transport)

    def list(
        self, *, pending_only: bool = False, task_id: bytes | None = None, limit: int = DEFAULT_LIMIT
    ) -> Found[ApprovalRequest]:
        """List requests, newest first, without their arguments."""
        return run(flows.list_approvals(pending_only=pending_only, task_id=task_id, limit=limit), self._transport)

    def watch(self, *, task_id: bytes | None = None) -> ApprovalWatch:
        """Follow requests: those that can be answered, and each as it changes, without their arguments.

        Iterate over it; a request is told of until it cannot be answered any more.
        """
        return ApprovalWatch(self._transport, self._sources, task_id)

    def answer(
        self, request: ApprovalRequest, *, approve: bool, justification: str = "", key: Signer | None = None
    ) -> ApprovalRequest:
        """Approve or refuse a request as it was seen.

        Args:
            request: As it was seen.
            approve: Whether this caller consents.
            justification: Why, for the record and for whoever has asked.
            key: The caller's own, whose public half the operator lists under `approval_keys`: it signs the consent.

        Raises:
            PermissionDenied: This caller is not asked; or the service lists a key of theirs, and none signs.
            BadStatement: The key is not one of those.
            Conflict: It cannot be answered any more, or is not what was seen.
            InvalidRequest: To approve it, get it first: in a list it has no arguments.
        """
        flow = flows.answer_approval(
            request, approve=approve, justification=justification, signing=self._signing(key) if key else None
        )
        return run(flow, self._transport)

    def withdraw(self, request_id: bytes) -> ApprovalRequest:
        """Take a request (16 bytes) back. Raises `Conflict` if it is over."""
        return run(flows.withdraw_approval(request_id), self._transport)

    def _signing(self, key: Signer) -> flows.Signing:
        return flows.Signing(self._caller, key, self._sources)


class AsyncApprovals:
    """The twin of `Approvals` for asyncio. From `AsyncClient.approvals`."""

    def __init__(self, transport: AsyncTransport, sources: Sources, *, caller: str) -> None:
        self._transport = transport
        self._sources = sources
        self._caller = caller

    async def request(
        self, delegation: Delegation, audience: str, tool: str, arguments: Mapping[str, Any] | None = None
    ) -> ApprovalRequest | None:
        """Ask for the approval of a call, and do not wait; None if it needs none. Asked again, it is the same request.

        Raises:
            Refused: The call is refused whoever approves it.
            Overloaded: Too many requests of the task are open.
        """
        wanted = _wanted(Delegation.call(delegation, audience, tool, arguments))
        return await run_async(flows.request_approval(wanted), self._transport)

    async def wait(
        self,
        delegation: Delegation,
        audience: str,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Lifetime,  # noqa: ASYNC109 - of people, not of I/O
    ) -> ApprovalRequest | None:
        """Ask for the approval of a call, and wait until it is there; None if it needs none.

        Raises:
            ConditionUnmet: APPROVAL_REQUIRED: it was refused, or nobody has answered in time.
            Refused: The call is refused whoever approves it.
        """
        waiting = flows.Waiting(lifetime_ms(timeout), self._sources)
        request = await self.request(delegation, audience, tool, arguments)
        return None if request is None else await approved_async(request, waiting, self._transport)

    async def wait_for(
        self,
        request_id: bytes,
        *,
        timeout: Lifetime,  # noqa: ASYNC109 - of people, not of I/O
    ) -> ApprovalRequest:
        """Wait until a request (16 bytes), such as a refusal names, is approved.

        Raises:
            ConditionUnmet: APPROVAL_REQUIRED: it was refused or is over, or nobody has answered in time.
        """
        waiting = flows.Waiting(lifetime_ms(timeout), self._sources)
        return await approved_async(await self.get(request_id), waiting, self._transport)

    async def get(self, request_id: bytes) -> ApprovalRequest:
        """Get one request (16 bytes)."""
        return await run_async(flows.get_approval(request_id), self._transport)

    async def list(
        self, *, pending_only: bool = False, task_id: bytes | None = None, limit: int = DEFAULT_LIMIT
    ) -> Found[ApprovalRequest]:
        """List requests, newest first, without their arguments."""
        flow = flows.list_approvals(pending_only=pending_only, task_id=task_id, limit=limit)
        return await run_async(flow, self._transport)

    def watch(self, *, task_id: bytes | None = None) -> AsyncApprovalWatch:
        """Follow requests: those that can be answered, and each as it changes, without their arguments.

        Iterate over it; a request is told of until it cannot be answered any more.
        """
        return AsyncApprovalWatch(self._transport, self._sources, task_id)

    async def answer(
        self, request: ApprovalRequest, *, approve: bool, justification: str = "", key: Signer | None = None
    ) -> ApprovalRequest:
        """Approve or refuse a request as it was seen.

        Args:
            request: As it was seen.
            approve: Whether this caller consents.
            justification: Why, for the record and for whoever has asked.
            key: The caller's own, whose public half the operator lists under `approval_keys`: it signs the consent.

        Raises:
            PermissionDenied: This caller is not asked; or the service lists a key of theirs, and none signs.
            BadStatement: The key is not one of those.
            Conflict: It cannot be answered any more, or is not what was seen.
            InvalidRequest: To approve it, get it first: in a list it has no arguments.
        """
        flow = flows.answer_approval(
            request, approve=approve, justification=justification, signing=self._signing(key) if key else None
        )
        return await run_async(flow, self._transport)

    async def withdraw(self, request_id: bytes) -> ApprovalRequest:
        """Take a request (16 bytes) back. Raises `Conflict` if it is over."""
        return await run_async(flows.withdraw_approval(request_id), self._transport)

    def _signing(self, key: Signer) -> flows.Signing:
        return flows.Signing(self._caller, key, self._sources)


def _wanted(call: Call) -> ApprovalWanted:
    """Sign a call to show that it is its agent's. It is not sent to anybody but the service."""
    proof = call.carriage.proof
    return ApprovalWanted(call.carriage.token, proof, call.audience, call.tool, call.arguments_json)


class ApprovedCall(Call):
    """A call that is not signed before people have consented to it, if it needs that."""

    wait: Callable[[], object]

    @classmethod
    def of(cls, call: Call, wait: Callable[[], object]) -> Self:
        """Make one; `wait` returns when the call can be made."""
        made = cls.__new__(cls)
        made.__dict__.update(call.__dict__)
        made.wait = wait
        return made

    @cached_property
    def carriage(self) -> Carriage:
        """Chain and proof; asked for, it waits for the approval."""
        self.wait()
        return self._signed()


class AsyncApprovedCall(Call):
    """The twin of `ApprovedCall` for asyncio: entered with `async with`, it waits."""

    wait: Callable[[], Awaitable[object]]
    _waited = False

    @classmethod
    def of(cls, call: Call, wait: Callable[[], Awaitable[object]]) -> Self:
        """Make one; `wait` returns when the call can be made."""
        made = cls.__new__(cls)
        made.__dict__.update(call.__dict__)
        made.wait = wait
        return made

    @cached_property
    def carriage(self) -> Carriage:
        """Chain and proof, once it was waited for.

        Raises:
            InvalidRequest: It was not: enter the call with `async with`.
        """
        if not self._waited:
            raise InvalidRequest("this call waits for approval: enter it with `async with`")
        return self._signed()

    async def __aenter__(self) -> Self:
        await self.wait()
        self._waited = True
        return self.__enter__()
