"""Many completions a second, with many guards connected: until when every guard knows, and whether any falls behind.

Load and guards share the machine's cores with the service. So a piece that all guards are given is verified once, and
each guard then takes what it says: real guards, on machines of their own, do the one work side by side. How many
completions a second the machine has really taken is told beside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import lru_cache
from itertools import cycle
from typing import Any, Final

import uvloop
from bench_feed import COMPLETE, GUARDS, WATCH
from chains import in_turn, scope_at
from measure import MeasurementFailedError, percentile
from processes import Service, running_service
from report import Row

from delegation.core.attest import open_bundle, open_feed_entry
from delegation.core.revocation import FeedEntry, RevocationState
from delegation.core.scope import SERVICE_AUDIENCE
from delegation.core.trust import TrustBundle
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.delegation import CompleteTaskRequest, complete_task_request_message
from delegation.wire.trust import read_feed_entry
from delegation_sdk.profile import Profile
from support.caller import Caller, Holding

RATE: Final = 1_000
SECONDS: Final = 10
_BAR_MS: Final = 500
_GRANTING: Final = 8
_CHANNELS: Final = 4
_PATIENCE_S: Final = 60.0
_AT_ONCE: Final = 200
"""Fewer than the service lets one caller have."""


def rows(*, quick: bool = False) -> list[Row]:
    """Measure it."""
    with running_service() as service:
        return heard([service], seconds=SECONDS, quick=quick)


def heard(services: Sequence[Service], *, seconds: int, quick: bool) -> list[Row]:
    """Measure one service, or replicas between which guards and completions are divided."""
    guards, rate, seconds = (4, 50, 1) if quick else (GUARDS, RATE, seconds)
    with services[0].channel() as channel, ThreadPoolExecutor(_GRANTING) as pool:
        caller = Caller(channel)
        root = Profile.load(services[0].profile).trust_root
        trust = open_bundle(caller.trust_documents().bundle, root, now_ms=time.time_ns() // 1_000_000)
        scope = scope_at(0).capabilities
        tasks = list(pool.map(lambda _: caller.grant(*scope), range(rate * seconds)))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        run = _Run(trust, tasks, rate)
        runner.run(run.go(services, guards))
    name = f"{rate} completions a second with {guards} guards"
    return [
        Row(f"{name}: until each guard knows, p99", percentile(run.known_ms, 99), "ms", _BAR_MS),
        Row(f"{name}: until each guard knows, p50", percentile(run.known_ms, 50), "ms"),
        Row(f"{name}: until acknowledged, p99", percentile(run.acknowledged_ms, 99), "ms"),
        Row(f"{name}: slowest guard behind the last completion", run.behind_ms, "ms", _BAR_MS),
        Row(f"{name}: taken a second", run.taken, "calls/s"),
    ]


class _Run:
    """Completions at a steady rate, and guards that wait for them."""

    def __init__(self, trust: TrustBundle, tasks: Sequence[Holding], rate: int) -> None:
        self.known_ms: list[float] = []
        self.acknowledged_ms: list[float] = []
        self.behind_ms = self.taken = 0.0
        self._rate = rate
        self._task_ids = [task.task_id for task in tasks]
        self._requests = [_request(task) for task in tasks]
        self._sent: dict[bytes, float] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._opened = lru_cache(4096)(
            lambda message: open_feed_entry(
                read_feed_entry(pb.WatchRevocationsResponse.FromString(message)),
                trust,
                now_ms=time.time_ns() // 1_000_000,
            )
        )

    async def go(self, services: Sequence[Service], guards: int) -> None:
        """Run all of it."""
        async with AsyncExitStack() as stack:
            watching = []
            for number in range(guards):
                channel = await stack.enter_async_context(in_turn(services, number).aio_channel())
                watching.append(asyncio.create_task(self._watch(channel)))
            channels = [
                await stack.enter_async_context(in_turn(services, number).aio_channel()) for number in range(_CHANNELS)
            ]
            complete = cycle([channel.unary_unary(COMPLETE) for channel in channels])
            await asyncio.sleep(1)  # all guards have their snapshot
            began = time.perf_counter()
            calls = []
            for number, (task_id, request) in enumerate(zip(self._task_ids, self._requests, strict=True)):
                await asyncio.sleep(max(0.0, began + number / self._rate - time.perf_counter()))
                calls.append(asyncio.create_task(self._complete(next(complete), task_id, request)))
            await asyncio.gather(*calls)
            ended = time.perf_counter()
            self.taken = len(calls) / (ended - began)
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.gather(*watching)
            self.behind_ms = max(0.0, (time.perf_counter() - ended) * 1000)

    async def _complete(self, method: Any, task_id: bytes, request: bytes) -> None:
        began = self._sent[task_id] = time.perf_counter()  # waiting for room counts, too
        async with self._room:
            await method(request, timeout=_PATIENCE_S)
        self.acknowledged_ms.append((time.perf_counter() - began) * 1000)

    async def _watch(self, channel: Any) -> None:
        """Be a guard until all tasks are known to be over."""
        state, known = RevocationState(), 0
        stream = channel.unary_stream(WATCH)(pb.WatchRevocationsRequest().SerializeToString())
        async for message in stream:
            entry: FeedEntry = self._opened(message)
            state.apply(entry, monotonic_ms=time.monotonic_ns() // 1_000_000)
            now = time.perf_counter()
            sent = [self._sent[each.id] for each in entry.revocations if each.id in self._sent]  # else of another run
            self.known_ms += [(now - each) * 1000 for each in sent]
            known += len(sent)
            if known >= len(self._task_ids):
                stream.cancel()
                return
        raise MeasurementFailedError("a guard's stream ended")


def _request(task: Holding) -> bytes:
    proof = task.proof(SERVICE_AUDIENCE, "complete_task", {"task_id": task.task_id.hex()})
    return complete_task_request_message(CompleteTaskRequest(task.task_id, proof)).SerializeToString()
