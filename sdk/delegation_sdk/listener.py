"""Receiving work: the blocking and the asyncio driver of `flows.Listening`, side by side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from delegation.errors import DelegationError, Overloaded, ServiceUnavailable
from delegation_sdk.backoff import Backoff
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows.listen import ANSWER_OFFER, Listening
from delegation_sdk.sources import Sources
from delegation_sdk.transport import AsyncStream, AsyncTransport, Stream, Transport

D = TypeVar("D")


class Listener(Generic[D]):
    """The delegations handed off to an agent, as they arrive. Lost connections are made again.

    Iterating waits; `close`, from any thread, ends it.

    Args:
        transport: How to reach the service.
        listening: The instance that listens.
        held: Makes what is given out of a delegation that arrived.
        sources: Randomness for the waits.
    """

    def __init__(
        self, transport: Transport, listening: Listening, held: Callable[[Delegation], D], sources: Sources
    ) -> None:
        self._held = held
        self._transport = transport
        self._listening = listening
        self._backoff = Backoff(sources.random)
        self._stream: Stream | None = None
        self._closed = threading.Event()

    def open(self) -> None:
        """Connect and wait until the service knows that this instance listens.

        Raises:
            Unauthenticated, PermissionDenied: This caller is not that agent.
            ServiceUnavailable: The service cannot be reached.
        """
        while not self._listening.confirmed:
            self._receive()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        if self._stream is not None:
            self._stream.cancel()

    def __iter__(self) -> Iterator[D]:
        return self

    def __next__(self) -> D:
        while not self._closed.is_set():
            try:
                if received := self._receive():
                    self._backoff.reset()
                    return self._held(received)
            except (ServiceUnavailable, Overloaded):
                self._closed.wait(self._backoff.next_s())
        raise StopIteration

    def _receive(self) -> Delegation | None:
        """Take one message of the service, over a new stream if the last one broke."""
        if self._stream is None:
            self._stream = self._transport.duplex(ANSWER_OFFER)
            self._stream.send(self._listening.hello())
        try:
            heard = self._listening.hear(self._stream.receive())
        except DelegationError:
            self._stream = None
            raise
        if heard is None or isinstance(heard, Delegation):
            return heard
        self._stream.send(heard)
        return None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncListener(Generic[D]):
    """The delegations handed off to an agent, as they arrive. Lost connections are made again.

    Iterating waits; `close`, from any thread, ends it.

    Args:
        transport: How to reach the service.
        listening: The instance that listens.
        held: Makes what is given out of a delegation that arrived.
        sources: Randomness for the waits.
    """

    def __init__(
        self, transport: AsyncTransport, listening: Listening, held: Callable[[Delegation], D], sources: Sources
    ) -> None:
        self._held = held
        self._transport = transport
        self._listening = listening
        self._backoff = Backoff(sources.random)
        self._stream: AsyncStream | None = None
        self._closed = asyncio.Event()

    async def open(self) -> None:
        """Connect and wait until the service knows that this instance listens.

        Raises:
            Unauthenticated, PermissionDenied: This caller is not that agent.
            ServiceUnavailable: The service cannot be reached.
        """
        while not self._listening.confirmed:
            await self._receive()

    async def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        if self._stream is not None:
            self._stream.cancel()

    def __aiter__(self) -> AsyncIterator[D]:
        return self

    async def __anext__(self) -> D:
        while not self._closed.is_set():
            try:
                if received := await self._receive():
                    self._backoff.reset()
                    return self._held(received)
            except (ServiceUnavailable, Overloaded):
                if not self._closed.is_set():
                    await asyncio.sleep(self._backoff.next_s())
        raise StopAsyncIteration

    async def _receive(self) -> Delegation | None:
        """Take one message of the service, over a new stream if the last one broke."""
        if self._stream is None:
            self._stream = self._transport.duplex(ANSWER_OFFER)
            await self._stream.send(self._listening.hello())
        try:
            heard = self._listening.hear(await self._stream.receive())
        except DelegationError:
            self._stream = None
            raise
        if heard is None or isinstance(heard, Delegation):
            return heard
        await self._stream.send(heard)
        return None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
