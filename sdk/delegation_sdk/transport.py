"""How the drivers reach the service: two small ports, one blocking and one for asyncio.

`transport_grpc` and `transport_aio` are the real ones; `testing` has one without a network. An implementation raises
nothing but `DelegationError`.
"""

from __future__ import annotations

from typing import Any, Protocol

from delegation.errors import DelegationError
from delegation_sdk.flows.rpc import Duplex, Flow, Rpc, T


class Stream(Protocol):
    """An open RPC in which both sides stream."""

    def send(self, message: Any) -> None:
        """Send a message."""

    def receive(self, timeout_s: float | None = None) -> Any:
        """Give the next message, or None if none came in time. Raises a `DelegationError` when the stream ends."""

    def cancel(self) -> None:
        """Close it, from any thread."""


class Incoming(Protocol):
    """An open RPC in which the service streams."""

    def receive(self, timeout_s: float | None = None) -> Any:
        """Give the next message, or None if none came in time. Raises a `DelegationError` when the stream ends."""

    def cancel(self) -> None:
        """Close it, from any thread."""


class Transport(Protocol):
    """The service, for blocking callers."""

    def unary(self, rpc: Rpc) -> Any:
        """Call and give the answer."""

    def duplex(self, rpc: Duplex) -> Stream:
        """Open a stream."""

    def watch(self, rpc: Rpc) -> Incoming:
        """Ask, and open the stream of what is answered."""

    def close(self) -> None:
        """Let go of the connection."""


class AsyncStream(Protocol):
    """An open RPC in which both sides stream, for asyncio."""

    async def send(self, message: Any) -> None:
        """Send a message."""

    async def receive(self) -> Any:
        """Give the next message. Raises a `DelegationError` when the stream ends."""

    def cancel(self) -> None:
        """Close it."""


class AsyncIncoming(Protocol):
    """An open RPC in which the service streams, for asyncio."""

    async def receive(self) -> Any:
        """Give the next message. Raises a `DelegationError` when the stream ends."""

    def cancel(self) -> None:
        """Close it."""


class AsyncTransport(Protocol):
    """The service, for asyncio."""

    async def unary(self, rpc: Rpc) -> Any:
        """Call and give the answer."""

    def duplex(self, rpc: Duplex) -> AsyncStream:
        """Open a stream."""

    def watch(self, rpc: Rpc) -> AsyncIncoming:
        """Ask, and open the stream of what is answered."""

    async def close(self) -> None:
        """Let go of the connection."""


def run(flow: Flow[T], transport: Transport) -> T:
    """Run a flow to its end."""
    try:
        rpc = next(flow)
        while True:
            try:
                answer = transport.unary(rpc)
            except DelegationError as error:
                rpc = flow.throw(error)
            else:
                rpc = flow.send(answer)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


async def run_async(flow: Flow[T], transport: AsyncTransport) -> T:
    """Run a flow to its end; the same steps as `run`."""
    try:
        rpc = next(flow)
        while True:
            try:
                answer = await transport.unary(rpc)
            except DelegationError as error:
                rpc = flow.throw(error)
            else:
                rpc = flow.send(answer)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
