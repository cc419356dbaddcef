"""What is sent to a service, or to its replicas in turn, and to the echo: each kind of request a lane of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import chain, cycle
from typing import Any, Final

import grpc.aio
import load as loads
from echo_server import METHOD as ECHO
from load import Load
from measure import MeasurementFailedError, cpu_ms
from processes import Echo, Service
from session_load import SessionLoad

CALLS: Final = 256
"""Of one round."""

BATCH_RECORDS: Final = 256
_BATCHES: Final = 2
_DEADLINE_S: Final = 10.0

AUTHORIZE: Final = "Authorize"
SESSION: Final = "Authorize with labels, policy and a budget"
HAND_OFF: Final = "HandOff"
REPEATABLE: Final = "HandOff with idempotency key"
STREAM: Final = "AuthorizeStream"
RECORDS: Final = "RecordDecisions"
SECURE: Final = " (mTLS)"

Send = Callable[[Sequence[bytes], int], Awaitable[list[bytes]]]


@dataclass(slots=True)
class Lane:
    """One kind of request.

    Attributes:
        prepare: makes so many requests, as bytes.
        send: sends them, so many at once, and gives the answers.
        require: looks through the answers; raises `MeasurementFailedError`.
        pids: the processes that answer.
        calls: how many requests make a round.
        confirm: sees at the end that what was measured has happened; raises `MeasurementFailedError`.
    """

    prepare: Callable[[int], list[bytes]]
    send: Send
    require: Callable[[list[bytes]], None]
    pids: Sequence[int]
    calls: int = CALLS
    confirm: Callable[[], None] = lambda: None
    cpu_ms: float = field(default=0.0, init=False)
    answered: int = field(default=0, init=False)

    async def seconds(self, requests: Sequence[bytes], at_once: int) -> float:
        """Send requests and give the time until the last answer."""
        used_ms = self._used_ms()
        began = time.perf_counter()
        answers = await self.send(requests, at_once)
        elapsed_s = time.perf_counter() - began
        self.cpu_ms += self._used_ms() - used_ms
        self.answered += len(answers)
        if len(answers) != len(requests):
            raise MeasurementFailedError(f"{len(requests) - len(answers)} requests were not answered")
        self.require(answers)
        return elapsed_s

    def _used_ms(self) -> float:
        return sum(map(cpu_ms, self.pids))

    def forget(self) -> None:
        """Begin to count processor time anew."""
        self.cpu_ms, self.answered = 0.0, 0

    @property
    def cpu_us_each(self) -> float:
        """Processor time of the server for one request, microseconds."""
        return self.cpu_ms * 1000 / self.answered


async def lanes_to(services: Sequence[Service], echo: Echo, stack: AsyncExitStack) -> dict[str, Lane]:
    """Open the lanes to a service, or to replicas that take turns, and the echo's of the same payload sizes."""
    lanes = await _service_lanes(services, stack)
    plain = await stack.enter_async_context(echo.plain_channel())
    secure = await stack.enter_async_context(echo.secure_channel(services[0].credentials))
    for name in (AUTHORIZE, HAND_OFF):
        sizes = await _sizes(lanes[name], 8 * len(services))
        for over, to in (("", plain), (SECURE, secure)):
            lanes[echo_of(name) + over] = _echo_lane(to, echo.pid, *sizes)
    return lanes


def echo_of(name: str) -> str:
    """Name the echo that a lane is compared with."""
    return "echo of HandOff" if name.startswith(HAND_OFF) else "echo of Authorize"


async def _service_lanes(services: Sequence[Service], stack: AsyncExitStack) -> dict[str, Lane]:
    load = await asyncio.to_thread(Load, services[0])
    session = await asyncio.to_thread(SessionLoad, services[0])
    pids = [service.pid for service in services]
    channels = [await stack.enter_async_context(service.aio_channel()) for service in services]
    guards = [loads.new_guard() for _ in services]

    def batches(count: int) -> list[bytes]:
        each = [load.batches(guard, [BATCH_RECORDS] * (count // len(guards))) for guard in guards]
        return list(chain.from_iterable(zip(*each, strict=True)))  # each replica is sent those of its own guard

    return {
        AUTHORIZE: Lane(load.authorize, _unary(channels, loads.AUTHORIZE), loads.require_all_allowed, pids),
        SESSION: Lane(
            session.authorize,
            _unary(channels, loads.AUTHORIZE),
            loads.require_all_allowed,
            pids,
            confirm=session.require_judged,
        ),
        HAND_OFF: Lane(
            lambda count: load.hand_off(count, idempotent=False),
            _unary(channels, loads.HAND_OFF),
            loads.require_all_recorded,
            pids,
        ),
        REPEATABLE: Lane(
            lambda count: load.hand_off(count, idempotent=True),
            _unary(channels, loads.HAND_OFF),
            loads.require_all_recorded,
            pids,
        ),
        STREAM: Lane(
            load.authorize_stream,
            _streamed(channels, loads.AUTHORIZE_STREAM, stack),
            loads.require_all_streamed,
            pids,
        ),
        RECORDS: Lane(
            batches,
            _streamed(channels, loads.RECORD_DECISIONS, stack),
            lambda answers: None,
            pids,
            calls=_BATCHES * len(services),
        ),
    }


def _echo_lane(channel: grpc.aio.Channel, pid: int, asked: int, answered: int) -> Lane:
    request = answered.to_bytes(2, "big") + bytes(asked - 2)

    def require(answers: list[bytes]) -> None:
        if any(len(answer) != answered for answer in answers):
            raise MeasurementFailedError("the echo answered with another size")

    return Lane(lambda count: [request] * count, _unary([channel], ECHO), require, [pid])


async def _sizes(lane: Lane, calls: int) -> tuple[int, int]:
    """See that a lane works; give the size of a request and of its answer."""
    requests = lane.prepare(calls)
    answers = await lane.send(requests, 1)
    lane.require(answers)
    return len(requests[-1]), len(answers[-1])


def _unary(channels: Sequence[grpc.aio.Channel], method: str) -> Send:
    in_turn: Any = cycle([channel.unary_unary(method) for channel in channels])

    async def send(requests: Sequence[bytes], at_once: int) -> list[bytes]:
        waiting = iter(requests)
        answers: list[bytes] = []

        async def one_after_another() -> None:
            answers.extend([await next(in_turn)(request, timeout=_DEADLINE_S) for request in waiting])

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
        return answers

    return send


def _streamed(channels: Sequence[grpc.aio.Channel], method: str, stack: AsyncExitStack) -> Send:
    streams: list[Any] = [channel.stream_stream(method)() for channel in channels]
    for stream in streams:
        stack.callback(stream.cancel)

    async def send(requests: Sequence[bytes], at_once: int) -> list[bytes]:
        count = len(streams)
        shares = [requests[place::count] for place in range(count)]
        answers = await asyncio.gather(*map(_through, streams, shares, [at_once // count] * count))
        return list(chain.from_iterable(answers))

    return send


async def _through(stream: Any, requests: Sequence[bytes], at_once: int) -> list[bytes]:
    room = asyncio.Semaphore(at_once)

    async def write() -> None:
        for request in requests:
            await room.acquire()
            await stream.write(request)

    writing = asyncio.create_task(write())
    answers = []
    for _ in requests:
        answers.append(await stream.read())
        room.release()
    await writing
    return answers
