"""DelegationService: read the message, call the use case, write the answer."""

from __future__ import annotations

from delegation.identity.port import Caller
from delegation.service.complete_task import CompleteTask
from delegation.service.grant import Grant
from delegation.service.hand_off import HandOff
from delegation.service.reissue import Reissue
from delegation.service.renew import Renew
from delegation.service.revoke import Revoke
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire import delegation as wire
from delegation.wire import renewals


class DelegationRpcs:
    """The RPCs, by the contract's names."""

    def __init__(
        self,
        *,
        grant: Grant,
        hand_off: HandOff,
        renew: Renew,
        reissue: Reissue,
        complete_task: CompleteTask,
        revoke: Revoke,
    ) -> None:
        self._grant = grant
        self._hand_off = hand_off
        self._renew = renew
        self._reissue = reissue
        self._complete_task = complete_task
        self._revoke = revoke

    async def Grant(self, caller: Caller, message: pb.GrantRequest) -> pb.GrantResponse:
        """Issue a grant to the caller."""
        request = wire.read_grant_request(message)
        granted = await self._grant(
            caller,
            purpose=request.purpose,
            scope=request.scope,
            holder_key=request.holder_key,
            lifetime_ms=request.lifetime_ms,
            max_depth=request.max_depth,
            unrecorded_handoffs=request.unrecorded_handoffs,
            principal_token=request.principal_token,
            trace=request.trace,
            idempotency_key=request.idempotency_key,
        )
        return wire.grant_response_message(wire.Granted(granted.token, granted.task_id))

    async def HandOff(self, caller: Caller, message: pb.HandOffRequest) -> pb.HandOffResponse:
        """Record handoffs."""
        request = wire.read_hand_off_request(message)
        handoffs = await self._hand_off(caller, request.tokens, idempotency_key=request.idempotency_key)
        return wire.hand_off_response_message([wire.RecordedHandOff(*handoff) for handoff in handoffs])

    async def Renew(self, caller: Caller, message: pb.RenewRequest) -> pb.RenewResponse:
        """Renew a grant."""
        request = renewals.read_renew_request(message)
        replaced = await self._renew(
            caller,
            task_id=request.task_id,
            proof=request.proof,
            scope=request.scope,
            lifetime_ms=request.lifetime_ms,
            trace=request.trace,
            idempotency_key=request.idempotency_key,
            principal_token=request.principal_token,
        )
        return renewals.renew_response_message(renewals.Replaced(replaced.token, replaced.feed_position))

    async def Reissue(self, caller: Caller, message: pb.ReissueRequest) -> pb.ReissueResponse:
        """Issue a grant anew."""
        request = renewals.read_reissue_request(message)
        replaced = await self._reissue(
            caller,
            task_id=request.task_id,
            holder_key=request.holder_key,
            scope=request.scope,
            lifetime_ms=request.lifetime_ms,
            trace=request.trace,
            idempotency_key=request.idempotency_key,
        )
        return renewals.reissue_response_message(renewals.Replaced(replaced.token, replaced.feed_position))

    async def CompleteTask(self, caller: Caller, message: pb.CompleteTaskRequest) -> pb.CompleteTaskResponse:
        """End a task."""
        request = wire.read_complete_task_request(message)
        completed = await self._complete_task(caller, task_id=request.task_id, proof=request.proof)
        return wire.complete_task_response_message(wire.Completed(*completed))

    async def Revoke(self, caller: Caller, message: pb.RevokeRequest) -> pb.RevokeResponse:
        """Revoke something."""
        request = wire.read_revoke_request(message)
        position = await self._revoke(
            caller,
            kind=request.kind,
            id=request.id,
            proof=request.proof,
            justification=request.justification,
        )
        return wire.revoke_response_message(position)
