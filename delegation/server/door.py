"""The one door through which every RPC comes in: who calls, how long it may take, what becomes of errors.

Handlers behind it get a caller and a message. Each RPC's metadata and peer are read once; there is no
stack of interceptors, which would cost more than a signature (docs: speed).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

import grpc
from google.protobuf.message import Message
from grpc.aio import ServicerContext

from delegation import telemetry
from delegation.errors import DelegationError, Overloaded, ServiceUnavailable
from delegation.identity.port import Authenticator, Caller
from delegation.server.incoming import Incoming
from delegation.server.peer import peer_of
from delegation.service.unexpected import log_unexpected
from delegation.telemetry import Span, names
from delegation.wire.errors import DETAILS_KEY, status_of
from delegation.wire.fields import whole

Q = TypeVar("Q", bound=Message)
A = TypeVar("A")
Context = ServicerContext[Any, Any]
Unary = Callable[[Caller, Q], Awaitable[A]]
Watching = Callable[[Caller, Q], AsyncIterator[A]]
Conversing = Callable[[Caller, AsyncIterator[Q]], AsyncIterator[A]]

_CODE: Final = {code.value[0]: code for code in grpc.StatusCode}
_LEAST_SECONDS: Final = 0.001
"""With less time left, the answer would come too late."""

_RETRY_AFTER_MS: Final = 250
_OK: Final = grpc.StatusCode.OK.name
_NO_METADATA: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Allowance:
    """What all callers together may ask of the server at a time, and how long one call may take."""

    calls: int = 1024
    streams: int = 4096
    default_seconds: float = 10.0
    maximum_seconds: float = 60.0


class Door:
    """Lets RPCs in, as long as there is room and the server is not going away."""

    def __init__(self, authenticator: Authenticator, allowance: Allowance) -> None:
        self.authenticator = authenticator
        self._allowance = allowance
        self._calls = 0
        self._streams = 0
        self._closing = False
        self._incoming: set[Incoming[Any]] = set()
        self._watching: set[asyncio.Task[Any]] = set()

    def close(self) -> None:
        """Take no more; end streams that only wait, and let others answer what they have been asked."""
        self._closing = True
        for incoming in self._incoming:
            incoming.end()
        for task in self._watching:
            task.cancel()

    # -- the three kinds of RPC --------------------------------------------------------------------------

    def unary(self, method: str, handler: Unary[Q, A]) -> Callable[[Q | None, Context], Awaitable[A]]:
        """Wrap a handler of one request with one answer."""

        async def call(request: Q | None, context: Context) -> A:
            with self._span(method, context) as span:
                self._calls += 1
                try:
                    self._require_room(self._calls, self._allowance.calls)
                    caller = self.authenticator.authenticate(peer_of(context))
                    message = whole(request)
                    seconds = self._seconds(context)
                    if seconds is None:  # the caller's own deadline is enough
                        answer = await handler(caller, message)
                    else:
                        async with asyncio.timeout(seconds):
                            answer = await handler(caller, message)
                except Exception as error:  # noqa: BLE001 - nothing gets past
                    await _fail(context, method, error, span)
                else:
                    span.set(names.RPC_STATUS_CODE, _OK)
                    return answer
                finally:
                    self._calls -= 1

        return call

    def watching(self, method: str, handler: Watching[Q, A]) -> Callable[[Q | None, Context], Awaitable[None]]:
        """Wrap a handler that streams answers until its client goes away."""

        async def call(request: Q | None, context: Context) -> None:
            with self._span(method, context) as span, self._stream():
                task = asyncio.current_task()
                assert task is not None  # noqa: S101 - this is a coroutine's
                self._watching.add(task)
                try:
                    self._require_room(self._streams, self._allowance.streams)
                    caller = self.authenticator.authenticate(peer_of(context))
                    await _write(handler(caller, whole(request)), context)
                except asyncio.CancelledError:
                    if not self._closing:
                        raise
                    task.uncancel()
                    await _fail(context, method, _going_away(), span)
                except Exception as error:  # noqa: BLE001 - nothing gets past
                    await _fail(context, method, error, span)
                finally:
                    self._watching.discard(task)

        return call

    def conversing(
        self, method: str, handler: Conversing[Q, A], *, window: int
    ) -> Callable[[AsyncIterator[Q], Context], Awaitable[None]]:
        """Wrap a handler of a stream of requests with a stream of answers; at most `window` wait unread."""

        async def call(requests: AsyncIterator[Q], context: Context) -> None:
            with self._span(method, context) as span, self._stream():
                incoming = Incoming(requests, window, check=whole)
                self._incoming.add(incoming)
                try:
                    self._require_room(self._streams, self._allowance.streams)
                    caller = self.authenticator.authenticate(peer_of(context))
                    await _write(handler(caller, incoming), context)
                except Exception as error:  # noqa: BLE001 - nothing gets past
                    await _fail(context, method, error, span)
                finally:
                    self._incoming.discard(incoming)
                    incoming.end()

        return call

    # -- what they have in common ------------------------------------------------------------------------

    def _require_room(self, taken: int, room: int) -> None:
        if self._closing:
            raise _going_away()
        if taken > room:
            raise Overloaded("the service has too much to do", retry_after_ms=_RETRY_AFTER_MS)

    def _seconds(self, context: Context) -> float | None:
        """Say how long a call may take; None if its client has set a deadline that will do."""
        remaining = context.time_remaining()
        if remaining is None:
            return self._allowance.default_seconds
        if remaining < _LEAST_SECONDS:
            raise ServiceUnavailable("the deadline leaves no time to answer")
        return self._allowance.maximum_seconds if remaining > self._allowance.maximum_seconds else None

    @contextmanager
    def _stream(self) -> Any:
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    @staticmethod
    def _span(method: str, context: Context) -> AbstractContextManager[Span]:
        received = _text_metadata(context) if telemetry.listened() else _NO_METADATA
        attributes = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: method}
        return telemetry.span(method, kind="server", attributes=attributes, received=received)


def _going_away() -> ServiceUnavailable:
    return ServiceUnavailable("the service is going away: connect again")


def _text_metadata(context: Context) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


async def _write(answers: AsyncIterator[Any], context: Context) -> None:
    """Write answers until there are no more, or nobody wants them: what made them ends then, too.

    A stream's handler yields to here and not to gRPC, which leaves the end of a generator to the garbage collector: in
    another context, where a span cannot be closed, and at any time.
    """
    try:
        async for answer in answers:
            await context.write(answer)
    finally:
        if isinstance(answers, AsyncGenerator):
            await answers.aclose()


async def _fail(context: Context, method: str, error: Exception, span: Span) -> NoReturn:
    """End an RPC with the status of an exception; only what is of the tree says what it was."""
    if isinstance(error, TimeoutError):
        error = ServiceUnavailable("the answer took longer than the service allows")
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, DelegationError):
        log_unexpected(method, error)
    status = status_of(error)
    code = _CODE[status.code]
    span.set(names.RPC_STATUS_CODE, code.name)
    details = ((DETAILS_KEY, status.SerializeToString()),) if status.details else ()
    await context.abort(code, status.message, details)
    raise AssertionError("abort returned")
