"""The request for approval behind a recorded call: the one that it used up, or that it is refused for want of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from delegation.errors import PermissionDenied, Reason

if TYPE_CHECKING:
    from delegation.core.approval_request import ApprovalRequest
    from delegation.core.lineage import RecordedCall
    from delegation_sdk import Client

_MOST: Final = 1024
"""Requests that a task opens in all."""


def request_behind(client: Client, call: RecordedCall) -> ApprovalRequest | None:
    """Give the request for approval behind a call; None if there is none, or none that this caller may see.

    Raises:
        RequestFailed: the service did not answer.
    """
    lacks = call.refusal is not None and call.refusal.reason is Reason.APPROVAL_REQUIRED
    if call.task_id is None or not (call.allowed or lacks):
        return None
    try:
        requests = client.approvals.list(task_id=call.task_id, limit=_MOST).items  # the newest comes first
    except PermissionDenied:
        return None
    of = call.leaf_link_id, call.audience, call.tool, call.arguments_digest
    for request in requests:
        about = request.link_id, request.audience, request.tool, request.arguments_digest
        if (request.call_id == call.call_id) if call.allowed else (about == of):
            return request
    return None
