"""The one door through which every RPC comes in: who calls, how long it may take, what becomes of errors.

Handlers behind it get a caller with a role for this RPC, and a message; nothing is parsed for anybody else. Each
RPC's metadata and peer are read once; there is no stack of interceptors, which would cost more than a signature (docs:
speed).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NoReturn, TypeVar

import grpc
from google.protobuf.message import Message
from grpc.aio import ServicerContext

from delegation import telemetry
from delegation.errors import DelegationError, Overloaded, ServiceUnavailable, Unauthenticated
from delegation.identity.port import Authenticator, Caller, Lasting, Role, TokenAuthenticator
from delegation.server.answers import write_answers
from delegation.server.caller_limits import CallerLimits, CallerShares, Share
from delegation.server.incoming import Incoming
from delegation.server.peer import authorization_of, peer_of
from delegation.server.refusal_log import RefusalLog
from delegation.server.stream_end import while_known
from delegation.service.unexpected import log_unexpected
from delegation.telemetry import Span, names
from delegation.wire.errors import DETAILS_KEY, status_of

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
    caller: CallerLimits = field(default_factory=CallerLimits)


@dataclass(frozen=True, slots=True)
class Method(Generic[Q]):
    """What the door has to know of an RPC.

    Attributes:
        name: its full name.
        roles: a caller needs one of these; any role will do if there are none.
        read: makes a request of bytes; raises `InvalidRequest`.
    """

    name: str
    roles: frozenset[Role]
    read: Callable[[bytes], Q]


class Door:
    """Lets RPCs in, as long as there is room and the server is not going away."""

    def __init__(
        self, authenticator: Authenticator, allowance: Allowance, *, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.authenticator = authenticator
        self.tokens: TokenAuthenticator | None = None
        self._allowance = allowance
        self._shares = CallerShares(allowance.caller, monotonic_ns=monotonic_ns)
        self._refusals = RefusalLog(monotonic_ns=monotonic_ns)
        self._calls = 0
        self._streams = 0
        self._closing = False
        self._incoming: set[Incoming[Any]] = set()
        self._watching: set[asyncio.Task[Any]] = set()

    def close(self) -> None:
        """Take no more streams; end those that only wait, and let others answer what they have been asked.

        Calls that gRPC still brings came before it told their clients to go elsewhere: they are answered.
        """
        self._closing = True
        for incoming in self._incoming:
            incoming.end()
        for task in self._watching:
            task.cancel()

    # -- the three kinds of RPC --------------------------------------------------------------------------

    def unary(self, method: Method[Q], handler: Unary[Q, A]) -> Callable[[bytes, Context], Awaitable[A]]:
        """Wrap a handler of one request with one answer."""

        async def call(request: bytes, context: Context) -> A:
            caller: Caller | None = None
            share: Share | None = None
            inside = 0
            with self._span(method.name, context) as span:
                try:
                    self._require_room(self._calls + 1, self._allowance.calls)
                    # Who has yet to show a token's worth waits outside: strangers must not take up the room.
                    caller = await self._caller(context)
                    self._calls, inside = self._calls + 1, 1
                    self._require_room(self._calls, self._allowance.calls)
                    share = self._shares.begin_call(caller.id)
                    _require_role(caller, method)
                    message = method.read(request)
                    seconds = self._seconds(context)
                    if seconds is None:  # the caller's own deadline is enough
                        answer = await handler(caller, message)
                    else:
                        async with asyncio.timeout(seconds):
                            answer = await handler(caller, message)
                except Exception as error:  # noqa: BLE001 - nothing gets past
                    await self._fail(context, method.name, caller, error, span)
                else:
                    span.set(names.RPC_STATUS_CODE, _OK)
                    return answer
                finally:
                    self._calls -= inside
                    if share is not None:
                        context.add_done_callback(share.end_call())  # type: ignore[arg-type] # stubs: no protocol

        return call

    def watching(self, method: Method[Q], handler: Watching[Q, A]) -> Callable[[bytes, Context], Awaitable[None]]:
        """Wrap a handler that streams answers until its client goes away, or is not known to be itself any more."""

        async def call(request: bytes, context: Context) -> None:
            caller: Caller | None = None
            with self._span(method.name, context) as span:
                task = asyncio.current_task()
                assert task is not None  # noqa: S101 - this is a coroutine's
                self._watching.add(task)
                try:
                    self._require_staying()
                    self._require_room(self._streams + 1, self._allowance.streams)
                    lasting = await self._lasting(context)
                    caller = lasting.caller
                    with self._stream(), self._shares.stream(caller.id):
                        _require_role(caller, method)
                        async with while_known(lasting):
                            await write_answers(handler(caller, method.read(request)), context)
                except asyncio.CancelledError:
                    if not self._closing:
                        raise
                    task.uncancel()
                    await self._fail(context, method.name, caller, _going_away(), span)
                except Exception as error:  # noqa: BLE001 - nothing gets past
                    await self._fail(context, method.name, caller, error, span)
                finally:
                    self._watching.discard(task)

        return call

    def conversing(
        self, method: Method[Q], handler: Conversing[Q, A], *, window: int, each_answered: bool
    ) -> Callable[[AsyncIterator[bytes], Context], Awaitable[None]]:
        """Wrap a handler of a stream of requests with a stream of answers.

        Args:
            method: the RPC.
            handler: the handler.
            window: at most so many requests wait unread.
            each_answered: whether each request gets one answer: until then it counts as its caller's.
        """

        async def call(requests: AsyncIterator[bytes], context: Context) -> None:
            caller: Caller | None = None
            with self._span(method.name, context) as span:
                try:
                    self._require_staying()
                    self._require_room(self._streams + 1, self._allowance.streams)
                    lasting = await self._lasting(context)
                    caller = lasting.caller
                    with self._stream(), self._shares.stream(caller.id) as share:
                        _require_role(caller, method)
                        await self._converse(
                            handler,
                            lasting,
                            Incoming(
                                requests,
                                window,
                                read=method.read,
                                owed_seconds=lambda: self._shares.owed_seconds(share),
                                under_way=share.messages if each_answered else None,
                            ),
                            context,
                        )
                except Exception as error:  # noqa: BLE001 - nothing gets past
                    await self._fail(context, method.name, caller, error, span)

        return call

    async def _converse(
        self, handler: Conversing[Q, A], lasting: Lasting, incoming: Incoming[Q], context: Context
    ) -> None:
        self._incoming.add(incoming)
        # What was asked until then is answered; the client then connects again, with what it is known by now.
        ending = asyncio.get_running_loop().call_later(lasting.seconds, incoming.end)
        try:
            await write_answers(handler(lasting.caller, incoming), context, written=incoming.answered)
        finally:
            ending.cancel()
            self._incoming.discard(incoming)
            incoming.over()

    @asynccontextmanager
    async def known(
        self, method: str, context: Context, *, unknown: grpc.StatusCode | None = None
    ) -> AsyncIterator[None]:
        """Let an RPC that is not the contract's in for any caller that is known; it counts as one of its streams.

        Args:
            method: its full name.
            context: its call.
            unknown: the status for callers that are not known; None: UNAUTHENTICATED.
        """
        caller: Caller | None = None
        try:
            lasting = await self._lasting(context)
            caller = lasting.caller
            async with while_known(lasting):
                with self._shares.stream(caller.id):
                    yield
        except DelegationError as error:
            if unknown is not None and isinstance(error, Unauthenticated):
                self._refusals.note(method, "", unknown.name, error)
                await context.abort(unknown, str(error))
            await self._fail(context, method, caller, error)

    # -- what they have in common ------------------------------------------------------------------------

    async def _caller(self, context: Context) -> Caller:
        peer = peer_of(context)
        if peer.certificate is not None or self.tokens is None:
            return self.authenticator.authenticate(peer)
        return await self.tokens.authenticate(authorization_of(context))

    async def _lasting(self, context: Context) -> Lasting:
        peer = peer_of(context)
        if peer.certificate is not None or self.tokens is None:
            return self.authenticator.lasting(peer)
        return await self.tokens.lasting(authorization_of(context))

    def _require_staying(self) -> None:
        if self._closing:
            raise _going_away()

    @staticmethod
    def _require_room(taken: int, room: int) -> None:
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
            self._require_staying()
            self._require_room(self._streams, self._allowance.streams)
            yield
        finally:
            self._streams -= 1

    async def _fail(
        self, context: Context, method: str, caller: Caller | None, error: Exception, span: Span | None = None
    ) -> NoReturn:
        """End an RPC with the status of an exception; only what is of the tree says what it was."""
        if isinstance(error, TimeoutError):
            error = ServiceUnavailable("the answer took longer than the service allows")
        if isinstance(error, grpc.aio.AbortError):
            raise error
        status = status_of(error)
        code = _CODE[status.code]
        if isinstance(error, DelegationError):
            self._refusals.note(method, caller.id if caller else "", code.name, error)
        else:
            log_unexpected(method, error)
        if span is not None:
            span.set(names.RPC_STATUS_CODE, code.name)
        details = ((DETAILS_KEY, status.SerializeToString()),) if status.details else ()
        await context.abort(code, status.message, details)
        raise AssertionError("abort returned")

    @staticmethod
    def _span(method: str, context: Context) -> AbstractContextManager[Span]:
        received = _text_metadata(context) if telemetry.listened() else _NO_METADATA
        attributes = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: method}
        return telemetry.span(method, kind="server", attributes=attributes, received=received)


def _require_role(caller: Caller, method: Method[Any]) -> None:
    if method.roles.isdisjoint(caller.roles):
        caller.require_role(*sorted(method.roles))


def _going_away() -> ServiceUnavailable:
    return ServiceUnavailable("the service is going away: connect again")


def _text_metadata(context: Context) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
