"""Following requests for approval: the blocking and the asyncio driver of `flows.approval_watch`, side by side."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Self

from delegation.core.approval_request import ApprovalRequest
from delegation.errors import DelegationError, NotFound, Overloaded, ServiceUnavailable
from delegation_sdk.backoff import Backoff
from delegation_sdk.flows import approvals as flows
from delegation_sdk.flows.approval_watch import SILENCE_S, Watched, watch_rpc
from delegation_sdk.sources import Sources
from delegation_sdk.transport import AsyncIncoming, AsyncTransport, Incoming, Transport, run, run_async

_SILENT = "the service said nothing for too long"


class ApprovalWatch:
    """Requests for approval as they are made and as they change, until they cannot be answered any more.

    Iterating waits; `close`, from any thread, ends it. Lost connections are made again, and what was missed is told.

    Args:
        transport: How to reach the service.
        sources: Randomness for the waits.
        task_id: Of this task only; None: of all that this caller may see.
    """

    def __init__(self, transport: Transport, sources: Sources, task_id: bytes | None) -> None:
        self._transport = transport
        self._rpc = watch_rpc(task_id=task_id)
        self._watched = Watched()
        self._backoff = Backoff(sources.random)
        self._stream: Incoming | None = None
        self._closed = threading.Event()

    def close(self) -> None:
        """Watch no longer."""
        self._closed.set()
        if self._stream is not None:
            self._stream.cancel()

    def __iter__(self) -> Iterator[ApprovalRequest]:
        return self

    def __next__(self) -> ApprovalRequest:
        while not self._closed.is_set():
            try:
                request = self._missed() or self._heard()
            except (ServiceUnavailable, Overloaded):
                self._let_go()
                self._closed.wait(self._backoff.next_s())
                continue
            except DelegationError:
                self._let_go()
                if self._closed.is_set():
                    break
                raise
            if request is not None:
                return request
        raise StopIteration

    def _missed(self) -> ApprovalRequest | None:
        while self._watched.missing:
            request_id = self._watched.missing[-1]
            try:
                found = run(flows.get_approval(request_id), self._transport)
            except NotFound:
                found = None
            self._watched.missing.pop()
            if (request := self._watched.got(request_id, found)) is not None:
                return request
        return None

    def _heard(self) -> ApprovalRequest | None:
        stream = self._stream
        if stream is None:
            stream = self._stream = self._transport.watch(self._rpc)
            self._watched.connected()
            if self._closed.is_set():  # by another thread, which saw no stream to end
                stream.cancel()
        message = stream.receive(SILENCE_S)
        if message is None:
            raise ServiceUnavailable(_SILENT)
        self._backoff.reset()
        return self._watched.hear(message)

    def _let_go(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncApprovalWatch:
    """The twin of `ApprovalWatch` for asyncio.

    Args:
        transport: How to reach the service.
        sources: Randomness for the waits.
        task_id: Of this task only; None: of all that this caller may see.
    """

    def __init__(self, transport: AsyncTransport, sources: Sources, task_id: bytes | None) -> None:
        self._transport = transport
        self._rpc = watch_rpc(task_id=task_id)
        self._watched = Watched()
        self._backoff = Backoff(sources.random)
        self._stream: AsyncIncoming | None = None
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Watch no longer."""
        self._closed.set()
        if self._stream is not None:
            self._stream.cancel()

    def __aiter__(self) -> AsyncIterator[ApprovalRequest]:
        return self

    async def __anext__(self) -> ApprovalRequest:
        while not self._closed.is_set():
            try:
                request = await self._missed() or await self._heard()
            except (ServiceUnavailable, Overloaded):
                self._let_go()
                await self._rest()
                continue
            except DelegationError:
                self._let_go()
                if self._closed.is_set():
                    break
                raise
            if request is not None:
                return request
        raise StopAsyncIteration

    async def _missed(self) -> ApprovalRequest | None:
        while self._watched.missing:
            request_id = self._watched.missing[-1]
            try:
                found = await run_async(flows.get_approval(request_id), self._transport)
            except NotFound:
                found = None
            self._watched.missing.pop()
            if (request := self._watched.got(request_id, found)) is not None:
                return request
        return None

    async def _heard(self) -> ApprovalRequest | None:
        if self._stream is None:
            self._stream = self._transport.watch(self._rpc)
            self._watched.connected()
        try:
            async with asyncio.timeout(SILENCE_S):
                message = await self._stream.receive()
        except TimeoutError:
            raise ServiceUnavailable(_SILENT) from None
        self._backoff.reset()
        return self._watched.hear(message)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._backoff.next_s()):
                await self._closed.wait()
        except TimeoutError:
            return

    def _let_go(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def approved(request: ApprovalRequest, waiting: flows.Waiting, transport: Transport) -> ApprovalRequest:
    """Wait until a request is approved: told by a stream; where there is none, by asking again and again.

    Raises:
        ConditionUnmet: APPROVAL_REQUIRED: it was refused or is over, or nobody has answered in time.
    """
    stream: Incoming | None = None
    try:
        while (pause_s := waiting.pause_s(request)) is not None:
            try:
                if waiting.is_told:
                    stream = stream or transport.watch(watch_rpc(request_id=request.request_id))
                    request = waiting.hear(stream.receive(waiting.silence_s), request)
                    continue
                time.sleep(pause_s)
                request = run(flows.get_approval(request.request_id), transport)
            except ServiceUnavailable:  # it may be back before the deadline
                waiting.ask_from_now_on()
            except DelegationError:
                if not waiting.is_told:
                    raise
                waiting.ask_from_now_on()
        return request
    finally:
        if stream is not None:
            stream.cancel()


async def approved_async(
    request: ApprovalRequest, waiting: flows.Waiting, transport: AsyncTransport
) -> ApprovalRequest:
    """Wait as `approved` does, for asyncio."""
    stream: AsyncIncoming | None = None
    try:
        while (pause_s := waiting.pause_s(request)) is not None:
            try:
                if waiting.is_told:
                    stream = stream or transport.watch(watch_rpc(request_id=request.request_id))
                    request = waiting.hear(await _within(stream, waiting.silence_s), request)
                    continue
                await asyncio.sleep(pause_s)
                request = await run_async(flows.get_approval(request.request_id), transport)
            except ServiceUnavailable:  # it may be back before the deadline
                waiting.ask_from_now_on()
            except DelegationError:
                if not waiting.is_told:
                    raise
                waiting.ask_from_now_on()
        return request
    finally:
        if stream is not None:
            stream.cancel()


async def _within(stream: AsyncIncoming, seconds: float) -> object:
    try:
        async with asyncio.timeout(seconds):
            return await stream.receive()
    except TimeoutError:
        return None
