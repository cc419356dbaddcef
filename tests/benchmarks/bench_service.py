"""The rows "service" of the bars: the real service against a bare gRPC echo of the same payload sizes, in one run.

Both run in processes of their own and are driven by the same client over loopback. What an answer acknowledges is
durable. Answers are read only after the clock has stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

import uvloop
from lanes import (
    AUTHORIZE,
    BATCH_RECORDS,
    CALLS,
    HAND_OFF,
    RECORDS,
    REPEATABLE,
    SECURE,
    SESSION,
    STREAM,
    Lane,
    echo_of,
    lanes_to,
)
from measure import ROUNDS, MeasurementFailedError, Samples
from processes import Echo, Service, running_echo, running_service
from report import Row

AT_ONCE: Final = 64
_ALONE: Final = 10  # of one round, each after the answer to the one before
_FASTER_THAN_NOTHING: Final = 1.5
"""No rate is so many times the echo's."""


def rows(*, quick: bool = False) -> list[Row]:
    """Measure all of them."""
    with (
        running_service() as service,
        running_echo(service) as echo,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(measured([service], echo, rounds=3 if quick else ROUNDS))


async def measured(services: Sequence[Service], echo: Echo, *, rounds: int, without: Collection[str] = ()) -> list[Row]:
    """Measure one service, or replicas that take turns, whatever their database, against the echo.

    Args:
        services: the service, or its replicas.
        echo: what it is compared with.
        rounds: how many count.
        without: lanes to leave out.
    """
    async with AsyncExitStack() as stack:
        lanes = await lanes_to(services, echo, stack)
        lanes = {name: lane for name, lane in lanes.items() if name not in without}
        records = lanes.pop(RECORDS)
        unary = {name: lane for name, lane in lanes.items() if name != STREAM}
        alone = await _interleaved(unary, rounds, calls=_ALONE, at_once=1)
        for lane in lanes.values():
            lane.forget()
        many = await _interleaved(lanes, rounds)
        recorded = await _interleaved({RECORDS: records}, rounds)
        for lane in lanes.values():
            await asyncio.to_thread(lane.confirm)
    taken = records.calls * BATCH_RECORDS / recorded.median(RECORDS)
    return [
        *_rates(many),
        *_latencies(alone),
        Row("RecordDecisions, durable", taken, "records/s", 10_000, at_least=True),
        *_costs(lanes),
        Row("RecordDecisions, server CPU a record", records.cpu_us_each / BATCH_RECORDS, "µs"),
    ]


async def _interleaved(
    lanes: Mapping[str, Lane], rounds: int, *, calls: int | None = None, at_once: int = AT_ONCE
) -> Samples:
    """Give seconds a round of each lane, in turns; one round before the first does not count.

    Args:
        lanes: by name.
        rounds: how many count.
        calls: requests of one round; by default a lane's own number. One at a time, each is a sample of its own.
        at_once: how many requests are under way.
    """
    order = list(lanes)
    samples: dict[str, list[float]] = {name: [] for name in order}
    for each in range(-1, rounds):
        start = each % len(order)
        for name in order[start:] + order[:start]:
            lane = lanes[name]
            requests = lane.prepare(lane.calls if calls is None else calls)
            if at_once > 1:
                elapsed_s = [await lane.seconds(requests, at_once)]
            else:
                elapsed_s = [await lane.seconds([request], 1) for request in requests]
            if each >= 0:
                samples[name] += elapsed_s
    return Samples(samples)


def _rates(many: Samples) -> list[Row]:
    bars = {AUTHORIZE: 0.5, SESSION: 0.35, HAND_OFF: 0.45, STREAM: 0.65, REPEATABLE: None}
    found = []
    for name, echo, bar in _compared(many, bars):
        kind = "mTLS echo" if echo.endswith(SECURE) else "echo"
        title = f"{name}, {AT_ONCE} at once, rate by {kind}'s"
        row = Row(title, many.ratio(echo, name), f"x {kind}", bar, at_least=True, possible_from=0.01)
        if row.value > _FASTER_THAN_NOTHING:
            raise MeasurementFailedError(f"{row.name}: faster than doing nothing")
        found.append(row)
    rates = {"echo": echo_of(AUTHORIZE), "mTLS echo": echo_of(AUTHORIZE) + SECURE, **{name: name for name in bars}}
    rates = {title: name for title, name in rates.items() if name in many.by_name}
    found += [Row(f"{title}, {AT_ONCE} at once", CALLS / many.median(name), "/s") for title, name in rates.items()]
    return sorted(found, key=lambda row: row.bar is None)


def _latencies(alone: Samples) -> list[Row]:
    found = []
    for name, echo, bar in _compared(alone, {AUTHORIZE: 2.3, SESSION: None, HAND_OFF: 2.5, REPEATABLE: None}):
        kind = "mTLS echo" if echo.endswith(SECURE) else "echo"
        ratio = alone.median(name) / alone.median(echo)
        found.append(Row(f"{name}, alone, p50 by {kind}'s", ratio, f"x {kind}", bar, possible_from=0.5))
    shown = {"echo": echo_of(AUTHORIZE), AUTHORIZE: AUTHORIZE, SESSION: SESSION, HAND_OFF: HAND_OFF}
    found += [Row(f"{title}, alone, p50", alone.median(name) * 1000, "ms") for title, name in shown.items()]
    return sorted(found, key=lambda row: row.bar is None)


def _compared(samples: Samples, bars: Mapping[str, float | None]) -> Iterator[tuple[str, str, float | None]]:
    """Give what was measured, each echo that it is compared with, and the bar: against the one in the clear."""
    for name, bar in bars.items():
        for echo, of_this_echo in ((echo_of(name), bar), (echo_of(name) + SECURE, None)):
            if {name, echo} <= samples.by_name.keys():
                yield name, echo, of_this_echo


def _costs(lanes: Mapping[str, Lane]) -> list[Row]:
    names = {"echo": echo_of(AUTHORIZE), "mTLS echo": echo_of(AUTHORIZE) + SECURE}
    names |= {name: name for name in (AUTHORIZE, SESSION, STREAM, HAND_OFF, REPEATABLE)}
    costs = {title: lanes[name].cpu_us_each for title, name in names.items() if name in lanes}
    return [Row(f"{title}, {AT_ONCE} at once, server CPU each", cost, "µs") for title, cost in costs.items()]
