"""The blocking transport over gRPC."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, Final

import grpc

from delegation import telemetry
from delegation.errors import DelegationError, ServiceUnavailable
from delegation_sdk import tracing
from delegation_sdk.channel import DEADLINE_S, error_of
from delegation_sdk.flows.rpc import Duplex, Rpc

_END: Final = object()


class GrpcTransport:
    """The service over a blocking channel.

    Args:
        channel: The channel; closed with this.
        deadline_s: How long a unary call may take, seconds.
    """

    def __init__(self, channel: grpc.Channel, *, deadline_s: float = DEADLINE_S) -> None:
        self.channel = channel
        self._deadline_s = deadline_s

    def unary(self, rpc: Rpc) -> Any:
        """Call and give the answer. Raises a `DelegationError`."""
        call = self.channel.unary_unary(
            f"/{rpc.method}",
            request_serializer=type(rpc.request).SerializeToString,
            response_deserializer=rpc.answer.FromString,
        )
        with tracing.calling(rpc.method):
            try:
                return call(rpc.request, timeout=self._deadline_s, metadata=trace_metadata())
            except grpc.RpcError as error:
                raise error_of(error) from None

    def duplex(self, rpc: Duplex) -> GrpcStream:
        """Open a stream."""
        return GrpcStream(self.channel, rpc)

    def watch(self, rpc: Rpc) -> Pump:
        """Ask, and open the stream of what is answered."""
        call = self.channel.unary_stream(
            f"/{rpc.method}",
            request_serializer=type(rpc.request).SerializeToString,
            response_deserializer=rpc.answer.FromString,
        )
        return Pump(call(rpc.request, metadata=trace_metadata()))

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()


class Pump:
    """Reads a response stream in a thread of its own, so that waiting for the next message can time out."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._received: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._ended: DelegationError | None = None
        threading.Thread(target=self._run, name="delegation-stream", daemon=True).start()

    def receive(self, timeout_s: float | None = None) -> Any:
        """Give the next message, or None if none came in time. Raises a `DelegationError` at the end."""
        if self._ended is not None:
            raise self._ended
        try:
            message = self._received.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(message, DelegationError):
            self._ended = message
            raise message
        return message

    def cancel(self) -> None:
        """Cancel the call; whoever waits is told."""
        self._call.cancel()

    def _run(self) -> None:
        try:
            for message in self._call:
                self._received.put(message)
        except grpc.RpcError as error:
            self._received.put(error_of(error))
        else:
            self._received.put(ServiceUnavailable("the service ended the stream"))


class GrpcStream:
    """An open RPC in which both sides stream."""

    def __init__(self, channel: grpc.Channel, rpc: Duplex) -> None:
        self._to_send: queue.SimpleQueue[Any] = queue.SimpleQueue()
        call = channel.stream_stream(
            f"/{rpc.method}",
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.answer.FromString,
        )
        self._pump = Pump(call(self._requests()))

    def send(self, message: Any) -> None:
        """Send a message."""
        self._to_send.put(message)

    def receive(self, timeout_s: float | None = None) -> Any:
        """Give the next message, or None if none came in time. Raises a `DelegationError` at the end."""
        return self._pump.receive(timeout_s)

    def cancel(self) -> None:
        """Close it, from any thread."""
        self._to_send.put(_END)
        self._pump.cancel()

    def _requests(self) -> Iterator[Any]:
        while (message := self._to_send.get()) is not _END:
            yield message


def trace_metadata() -> tuple[tuple[str, str], ...]:
    """The current trace as gRPC metadata."""
    return tuple(telemetry.outgoing().items())
