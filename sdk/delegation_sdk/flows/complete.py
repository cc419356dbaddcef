"""Ending a task."""

from __future__ import annotations

from typing import Final

from delegation.errors import InvalidRequest
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire.delegation import CompleteTaskRequest, complete_task_request_message, read_complete_task_response
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows.holder_proof import holder_proof
from delegation_sdk.flows.rpc import Flow, Rpc
from delegation_sdk.sources import Sources

_COMPLETE: Final = "delegation.v1.DelegationService/CompleteTask"


def complete_task(task: Delegation, sources: Sources) -> Flow[int]:
    """End a task; when this returns, everything handed on in it is revoked.

    Returns:
        The position of the revocation feed at which that is known.

    Raises:
        RequestFailed: The service did not do it.
    """
    if len(task.links) != 1:
        raise InvalidRequest("a task is completed by the holder of its grant")
    proof = holder_proof(task, "complete_task", task.digest, {"task_id": task.task_id.hex()}, sources)
    message = complete_task_request_message(CompleteTaskRequest(task.task_id, proof))
    answer = yield Rpc(_COMPLETE, message, pb.CompleteTaskResponse)
    return read_complete_task_response(answer).feed_position
