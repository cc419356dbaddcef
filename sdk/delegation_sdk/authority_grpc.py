"""Online decisions over gRPC, for threads and for asyncio over one channel."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from delegation.v1.authorization_service_pb2_grpc import AuthorizationServiceStub
from delegation.wire.authorization import CallToDecide, Decision, authorize_request_message, read_authorize_response
from delegation_sdk.channel import error_of
from delegation_sdk.transport_grpc import trace_metadata

DECISION_DEADLINE_S = 5.0
"""A tool's caller waits for it."""


class GrpcAuthority:
    """Asks the service to decide calls.

    Args:
        channel: The channel.
        deadline_s: How long a decision may take, seconds.
    """

    def __init__(self, channel: grpc.Channel, *, deadline_s: float = DECISION_DEADLINE_S) -> None:
        self._stub = AuthorizationServiceStub(channel)
        self._deadline_s = deadline_s

    def authorize(self, call: CallToDecide) -> Decision:
        """Decide and record. Raises a `DelegationError`."""
        return _read(self._ask(call))

    async def authorize_async(self, call: CallToDecide) -> Decision:
        """Decide and record, without blocking the event loop. Raises a `DelegationError`."""
        loop = asyncio.get_running_loop()
        answered = asyncio.Event()
        asked = self._ask(call)
        asked.add_done_callback(lambda _: loop.call_soon_threadsafe(answered.set))
        try:
            await answered.wait()
        except asyncio.CancelledError:
            asked.cancel()
            raise
        return _read(asked)

    def _ask(self, call: CallToDecide) -> Any:
        return self._stub.Authorize.future(
            authorize_request_message(call), timeout=self._deadline_s, metadata=trace_metadata()
        )


def _read(asked: Any) -> Decision:
    try:
        return read_authorize_response(asked.result())
    except grpc.RpcError as error:
        raise error_of(error) from None
