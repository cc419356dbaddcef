"""Watching requests for approval: what is asked for, and what of what is heard is news. Without I/O."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from delegation.core.approval_request import ApprovalRequest, ApprovalState
from delegation.v1 import approval_service_pb2 as pb
from delegation.wire import approvals as wire
from delegation_sdk.flows.rpc import Rpc

_METHOD: Final = "delegation.v1.ApprovalService/WatchApprovals"

SILENCE_S: Final = 10.0
"""Heartbeats come every 2 s: a stream that says nothing for so long is broken."""


def watch_rpc(*, task_id: bytes | None = None, request_id: bytes | None = None) -> Rpc:
    """Ask to be told of the requests of a task, of one alone, or of all that this caller may see."""
    message = wire.watch_approvals_message(wire.ApprovalsWatched(task_id, request_id))
    return Rpc(_METHOD, message, pb.WatchApprovalsResponse)


class Watched:
    """What a watcher was told, across connections: each of them tells everything that is open anew.

    Attributes:
        missing: what was open and is not told of any more; each is to be got, and told to `got`.
    """

    def __init__(self) -> None:
        self.missing: list[bytes] = []
        self._open: dict[bytes, tuple[ApprovalState, int]] = {}
        self._again: set[bytes] | None = None

    def connected(self) -> None:
        """Note that what is open is told anew, from the next message to the first heartbeat."""
        self._again, self.missing = set(), []

    def hear(self, message: Any) -> ApprovalRequest | None:
        """Take a message; give the request that it tells of, unless that was told already.

        Raises:
            RequestFailed: The message cannot be read.
        """
        request = wire.read_watched(message)
        if request is not None:
            if self._again is not None:
                self._again.add(request.request_id)
            return self._news(request)
        if self._again is not None:
            self.missing = _without(self._open, self._again)
            self._again = None
        return None

    def got(self, request_id: bytes, request: ApprovalRequest | None) -> ApprovalRequest | None:
        """Take a request that was missing, as it is now; None: it is gone. Give it if that is news."""
        if request is None:
            self._open.pop(request_id, None)
            return None
        return self._news(request)

    def _news(self, request: ApprovalRequest) -> ApprovalRequest | None:
        now = (request.state, len(request.answers))
        if self._open.get(request.request_id) == now:
            return None
        if request.state is ApprovalState.PENDING:
            self._open[request.request_id] = now
        else:
            self._open.pop(request.request_id, None)
        return request


def _without(known: Collection[bytes], told: set[bytes]) -> list[bytes]:
    return [request_id for request_id in known if request_id not in told]
