"""The asyncio transport over gRPC."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import grpc
import grpc.aio

from delegation import telemetry
from delegation.errors import ServiceUnavailable
from delegation_sdk import tracing
from delegation_sdk.channel import DEADLINE_S, error_of
from delegation_sdk.flows.rpc import Duplex, Rpc

_EOF: Final = grpc.aio.EOF  # type: ignore[attr-defined]
_CLOSED: Final = grpc.aio.UsageError
"""What gRPC raises for a call on a channel that another task has just closed."""


class AioTransport:
    """The service over a `grpc.aio` channel.

    Args:
        channel: The channel; closed with this.
        deadline_s: How long a unary call may take, seconds.
    """

    def __init__(self, channel: grpc.aio.Channel, *, deadline_s: float = DEADLINE_S) -> None:
        self.channel = channel
        self._deadline_s = deadline_s

    async def unary(self, rpc: Rpc) -> Any:
        """Call and give the answer. Raises a `DelegationError`."""
        call = self.channel.unary_unary(
            f"/{rpc.method}",
            request_serializer=type(rpc.request).SerializeToString,
            response_deserializer=rpc.answer.FromString,
        )
        with tracing.calling(rpc.method):
            try:
                return await call(rpc.request, timeout=self._deadline_s, metadata=tuple(telemetry.outgoing().items()))
            except grpc.RpcError as error:
                raise error_of(error) from None
            except _CLOSED:
                raise ServiceUnavailable("the connection to the service was closed in this program") from None

    def duplex(self, rpc: Duplex) -> AioStream:
        """Open a stream."""
        method: Any = self.channel.stream_stream(
            f"/{rpc.method}",
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.answer.FromString,
        )
        return AioStream(method())

    def watch(self, rpc: Rpc) -> AioIncoming:
        """Ask, and open the stream of what is answered."""
        method: Any = self.channel.unary_stream(
            f"/{rpc.method}",
            request_serializer=type(rpc.request).SerializeToString,
            response_deserializer=rpc.answer.FromString,
        )
        return AioIncoming(method(rpc.request, metadata=tuple(telemetry.outgoing().items())))

    async def close(self) -> None:
        """Close the channel."""
        await self.channel.close(None)


class AioIncoming:
    """An open RPC in which the service streams."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._cancelled = False

    async def receive(self) -> Any:
        """Give the next message. Raises a `DelegationError` when the stream ends."""
        try:
            message = await self._call.read()
        except grpc.RpcError as error:
            raise error_of(error) from None
        except asyncio.CancelledError:
            if self._cancelled:  # the stream was, not the task that waits for it
                raise ServiceUnavailable("the stream was closed") from None
            raise
        if message is _EOF:
            raise ServiceUnavailable("the service ended the stream")
        return message

    def cancel(self) -> None:
        """Close it."""
        self._cancelled = True
        self._call.cancel()


class AioStream(AioIncoming):
    """An open RPC in which both sides stream."""

    async def send(self, message: Any) -> None:
        """Send a message. Raises a `DelegationError` if the stream has ended."""
        try:
            await self._call.write(message)
        except grpc.RpcError as error:
            raise error_of(error) from None
