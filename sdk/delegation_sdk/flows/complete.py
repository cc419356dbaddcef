"""Ending a task, and revoking what was handed on."""

from __future__ import annotations

from typing import Final

from delegation.core.arguments import Arguments
from delegation.core.limits import NONCE_BYTES
from delegation.core.proof import SERVICE_AUDIENCE, sign_proof
from delegation.core.revocation import RevocationKind
from delegation.errors import InvalidRequest
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire.delegation import (
    CompleteTaskRequest,
    RevokeRequest,
    complete_task_request_message,
    read_complete_task_response,
    revoke_request_message,
)
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows.rpc import Flow, Rpc
from delegation_sdk.sources import Sources

_COMPLETE: Final = "delegation.v1.DelegationService/CompleteTask"
_REVOKE: Final = "delegation.v1.DelegationService/Revoke"


def complete_task(task: Delegation, sources: Sources) -> Flow[int]:
    """End a task; when this returns, everything handed on in it is revoked.

    Returns:
        The position of the revocation feed at which that is known.

    Raises:
        RequestFailed: The service did not do it.
    """
    if len(task.links) != 1:
        raise InvalidRequest("a task is completed by the holder of its grant")
    proof = _holder_proof(task, task.digest, "complete_task", {"task_id": task.task_id.hex()}, sources)
    message = complete_task_request_message(CompleteTaskRequest(task.task_id, proof))
    answer = yield Rpc(_COMPLETE, message, pb.CompleteTaskResponse)
    return read_complete_task_response(answer).feed_position


def revoke_link(holder: Delegation, handed_on: Delegation, sources: Sources, *, justification: str = "") -> Flow[int]:
    """Revoke a handoff below one's own link, and its subtree.

    Args:
        holder: One's own delegation: the one that `handed_on` came from, or one before that.
        handed_on: What to revoke.
        sources: Clock and randomness.
        justification: Why, for the record.

    Returns:
        The position of the revocation feed at which that is known.

    Raises:
        RequestFailed: The service did not do it.
    """
    kind = RevocationKind.LINK
    arguments = {"kind": str(kind), "id": handed_on.digest.hex()}
    proof = _holder_proof(holder, handed_on.digest, "revoke", arguments, sources)
    message = revoke_request_message(RevokeRequest(kind, handed_on.digest, proof, justification))
    answer: pb.RevokeResponse = yield Rpc(_REVOKE, message, pb.RevokeResponse)
    return answer.feed_position


def _holder_proof(
    holder: Delegation, chain_digest: bytes, act: str, arguments: dict[str, str], sources: Sources
) -> bytes:
    return sign_proof(
        holder.require_key(),
        chain_digest=chain_digest,
        audience=SERVICE_AUDIENCE,
        tool=act,
        arguments_digest=Arguments.of(arguments).digest,
        now_ms=sources.now_ms(),
        nonce=sources.random(NONCE_BYTES),
    )
