"""The rows "service" of the bars: the real service against a bare gRPC echo of the same payload sizes, in one run.

Both run in processes of their own and are driven by the same client over loopback. What an answer acknowledges is
durable. Answers are read only after the clock has stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import grpc.aio
import load as loads
import uvloop
from echo_server import METHOD as ECHO
from load import Load
from measure import ROUNDS, MeasurementFailedError, Samples, cpu_ms
from processes import Echo, Service, running_echo, running_service
from report import Row

AT_ONCE: Final = 64
_CALLS: Final = 256  # of one round
ALONE: Final = 300
_BATCHES: Final = (256, 256)
_DEADLINE_S: Final = 10.0
REPEATABLE: Final = "HandOff with idempotency key"
SECURE: Final = " (mTLS)"
_FASTER_THAN_NOTHING: Final = 1.5
"""No rate is so many times the echo's."""


@dataclass(slots=True)
class Lane:
    """One kind of request.

    Attributes:
        prepare: makes so many requests, as bytes.
        send: sends them, so many at once, and gives the answers.
        require: looks through the answers; raises `MeasurementFailedError`.
        pid: the process that answers.
        calls: how many requests make a round.
    """

    prepare: Callable[[int], list[bytes]]
    send: Callable[[Sequence[bytes], int], Awaitable[list[bytes]]]
    require: Callable[[list[bytes]], None]
    pid: int
    calls: int = _CALLS
    cpu_ms: float = field(default=0.0, init=False)
    answered: int = field(default=0, init=False)

    async def seconds(self, requests: Sequence[bytes], at_once: int) -> float:
        """Send requests and give the time until the last answer."""
        used_ms = cpu_ms(self.pid)
        began = time.perf_counter()
        answers = await self.send(requests, at_once)
        elapsed_s = time.perf_counter() - began
        self.cpu_ms += cpu_ms(self.pid) - used_ms
        self.answered += len(answers)
        if len(answers) != len(requests):
            raise MeasurementFailedError(f"{len(requests) - len(answers)} requests were not answered")
        self.require(answers)
        return elapsed_s

    @property
    def cpu_us_each(self) -> float:
        """Processor time of the server for one request, microseconds."""
        return self.cpu_ms * 1000 / self.answered


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all of them."""
    rounds, alone = (3, 20) if quick else (ROUNDS, ALONE)
    with (
        running_service() as service,
        running_echo(service) as echo,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(measured(service, echo, rounds=rounds, alone=alone))


async def measured(service: Service, echo: Echo, *, rounds: int, alone: int) -> list[Row]:
    """Measure one service, whatever its database, against the echo."""
    async with AsyncExitStack() as stack:
        lanes = await _lanes(service, echo, stack)
        records = lanes.pop("records")
        stream = lanes.pop("AuthorizeStream")
        single = await _alone(lanes, alone)
        for lane in lanes.values():
            lane.cpu_ms, lane.answered = 0.0, 0
        many = await _interleaved({**lanes, "AuthorizeStream": stream}, rounds)
        recorded = await _interleaved({"records": records}, rounds)
    return [
        *_rates(many),
        *_latencies(single),
        Row("RecordDecisions, durable", sum(_BATCHES) / recorded.median("records"), "records/s", 10_000, at_least=True),
        *_costs({**lanes, "AuthorizeStream": stream}),
        Row("RecordDecisions, server CPU a record", records.cpu_us_each * len(_BATCHES) / sum(_BATCHES), "µs"),
    ]


# -- lanes ---------------------------------------------------------------------------------------------------


async def _lanes(service: Service, echo: Echo, stack: AsyncExitStack) -> dict[str, Lane]:
    load = await asyncio.to_thread(Load, service)
    channel = await stack.enter_async_context(service.aio_channel())
    plain = await stack.enter_async_context(echo.plain_channel())
    secure = await stack.enter_async_context(echo.secure_channel(service.credentials))
    guard = loads.new_guard()
    stream, records = channel.stream_stream(loads.AUTHORIZE_STREAM)(), channel.stream_stream(loads.RECORD_DECISIONS)()
    stack.callback(stream.cancel)
    stack.callback(records.cancel)
    lanes = {
        "Authorize": Lane(load.authorize, _unary(channel, loads.AUTHORIZE), loads.require_all_allowed, service.pid),
        "HandOff": Lane(
            lambda count: load.hand_off(count, idempotent=False),
            _unary(channel, loads.HAND_OFF),
            loads.require_all_recorded,
            service.pid,
        ),
        REPEATABLE: Lane(
            lambda count: load.hand_off(count, idempotent=True),
            _unary(channel, loads.HAND_OFF),
            loads.require_all_recorded,
            service.pid,
        ),
        "AuthorizeStream": Lane(load.authorize_stream, _streamed(stream), loads.require_all_streamed, service.pid),
        "records": Lane(
            lambda count: load.batches(guard, _BATCHES[:count]),
            _streamed(records),
            lambda answers: None,
            service.pid,
            calls=len(_BATCHES),
        ),
    }
    for name in ("Authorize", "HandOff"):
        sizes = await _sizes(lanes[name])
        for over, to in (("", plain), (SECURE, secure)):
            lanes[f"echo of {name}{over}"] = _echo_lane(to, echo.pid, *sizes)
    return lanes


def _echo_lane(channel: grpc.aio.Channel, pid: int, asked: int, answered: int) -> Lane:
    request = answered.to_bytes(2, "big") + bytes(asked - 2)

    def require(answers: list[bytes]) -> None:
        if any(len(answer) != answered for answer in answers):
            raise MeasurementFailedError("the echo answered with another size")

    return Lane(lambda count: [request] * count, _unary(channel, ECHO), require, pid)


async def _sizes(lane: Lane) -> tuple[int, int]:
    """See that a lane works; give the size of a request and of its answer."""
    requests = lane.prepare(8)
    answers = await lane.send(requests, 1)
    lane.require(answers)
    return len(requests[-1]), len(answers[-1])


def _unary(channel: grpc.aio.Channel, method: str) -> Callable[[Sequence[bytes], int], Awaitable[list[bytes]]]:
    call: Any = channel.unary_unary(method)

    async def send(requests: Sequence[bytes], at_once: int) -> list[bytes]:
        waiting = iter(requests)
        answers: list[bytes] = []

        async def one_after_another() -> None:
            answers.extend([await call(request, timeout=_DEADLINE_S) for request in waiting])

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
        return answers

    return send


def _streamed(stream: Any) -> Callable[[Sequence[bytes], int], Awaitable[list[bytes]]]:
    async def send(requests: Sequence[bytes], at_once: int) -> list[bytes]:
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

    return send


# -- measuring -----------------------------------------------------------------------------------------------


async def _interleaved(lanes: dict[str, Lane], rounds: int) -> Samples:
    """Give seconds a round of each lane, in turns; one round before the first does not count."""
    order = list(lanes)
    samples: dict[str, list[float]] = {name: [] for name in order}
    for each in range(-1, rounds):
        start = each % len(order)
        for name in order[start:] + order[:start]:
            lane = lanes[name]
            elapsed_s = await lane.seconds(lane.prepare(lane.calls), AT_ONCE)
            if each >= 0:
                samples[name].append(elapsed_s)
    return Samples(samples)


async def _alone(lanes: dict[str, Lane], calls: int) -> Samples:
    """Give milliseconds of single calls, with nothing else under way, the lanes in turns."""
    requests = {name: lane.prepare(calls) for name, lane in lanes.items()}
    samples: dict[str, list[float]] = {name: [] for name in lanes}
    for number in range(calls):
        for name, lane in lanes.items():
            samples[name].append(await lane.seconds(requests[name][number : number + 1], 1) * 1000)
    return Samples(samples)


def _rates(many: Samples) -> list[Row]:
    bars = {"Authorize": 0.5, "HandOff": 0.45, "AuthorizeStream": 0.65, REPEATABLE: None}
    found = []
    for name, bar in bars.items():
        for echo, of_this_echo in ((_echo_of(name), bar), (_echo_of(name) + SECURE, None)):
            kind = "mTLS echo" if echo.endswith(SECURE) else "echo"
            title = f"{name}, {AT_ONCE} at once, rate by {kind}'s"
            row = Row(title, many.ratio(echo, name), f"x {kind}", of_this_echo, at_least=True, possible_from=0.01)
            if row.value > _FASTER_THAN_NOTHING:
                raise MeasurementFailedError(f"{row.name}: faster than doing nothing")
            found.append(row)
    rates = {"echo": "echo of Authorize", "mTLS echo": "echo of Authorize" + SECURE, **{name: name for name in bars}}
    found += [Row(f"{title}, {AT_ONCE} at once", _CALLS / many.median(name), "/s") for title, name in rates.items()]
    return sorted(found, key=lambda row: row.bar is None)


def _latencies(single: Samples) -> list[Row]:
    found = []
    for name, bar in (("Authorize", 2.3), ("HandOff", 2.5), (REPEATABLE, None)):
        for echo, of_this_echo in ((_echo_of(name), bar), (_echo_of(name) + SECURE, None)):
            kind = "mTLS echo" if echo.endswith(SECURE) else "echo"
            ratio = single.median(name) / single.median(echo)
            found.append(Row(f"{name}, alone, p50 by {kind}'s", ratio, f"x {kind}", of_this_echo, possible_from=0.5))
    for title, name in (("echo", "echo of Authorize"), ("Authorize", "Authorize"), ("HandOff", "HandOff")):
        found.append(Row(f"{title}, alone, p50", single.median(name), "ms"))
    return sorted(found, key=lambda row: row.bar is None)


def _costs(lanes: dict[str, Lane]) -> list[Row]:
    names = {"echo": "echo of Authorize", "mTLS echo": "echo of Authorize" + SECURE}
    names |= {name: name for name in ("Authorize", "AuthorizeStream", "HandOff", REPEATABLE)}
    costs = {title: lanes[name].cpu_us_each for title, name in names.items()}
    return [Row(f"{title}, {AT_ONCE} at once, server CPU each", cost, "µs") for title, cost in costs.items()]


def _echo_of(name: str) -> str:
    return "echo of HandOff" if name.startswith("HandOff") else "echo of Authorize"
