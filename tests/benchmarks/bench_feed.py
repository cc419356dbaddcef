"""How long until a revocation has reached connected guards, each of which checks the entry's signature and applies it.

The guards are streams with a connection of their own each, all read by this one process, which shares the machine's
cores with the service: real guards, on machines of their own, do this work side by side.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from typing import Any, Final

import uvloop
from chains import in_turn, scope_at
from measure import ROUNDS, MeasurementFailedError, percentile
from processes import Service, running_service
from report import Row

from delegation.core.attest import open_bundle, open_feed_entry
from delegation.core.revocation import RevocationKind, RevocationState, revocation_key
from delegation.core.scope import SERVICE_AUDIENCE
from delegation.core.trust import TrustBundle
from delegation.errors import Revoked
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.delegation import CompleteTaskRequest, complete_task_request_message
from delegation.wire.trust import read_feed_entry
from delegation_sdk.profile import Profile
from support.caller import Caller, Holding

GUARDS: Final = 100
_BAR_MS: Final = 100
WATCH: Final = "/delegation.v1.TrustService/WatchRevocations"
COMPLETE: Final = "/delegation.v1.DelegationService/CompleteTask"
_PATIENCE_S: Final = 10.0
_MANY: Final = 1_000_000
_FILL: Final = """
import gc, os, pathlib, secrets, sys, time
from delegation.core.revocation import Revocation, RevocationKind, RevocationState, revocation_key
def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
count, state, before = int(sys.argv[1]), RevocationState(), resident()
many = (Revocation(RevocationKind.TASK, secrets.token_bytes(16), 1_790_000_000_000 + each) for each in range(count))
state.add(many, count)
gc.collect()
taken = resident() - before
asked = [frozenset({revocation_key(RevocationKind.TASK, secrets.token_bytes(16))}) for _ in range(10_000)]
began = time.perf_counter_ns()
for keys in asked:
    state.check(keys)
print(taken / 2**20, (time.perf_counter_ns() - began) / 1000 / len(asked))
"""


def rows(*, quick: bool = False) -> list[Row]:
    """Measure it."""
    with running_service() as service:
        found = heard([service], quick=quick)
    mebibytes, look_up_us = _many_revoked(10_000 if quick else _MANY)
    return [
        *found,
        Row("memory of 1 M live revoked ids", mebibytes, "MiB", 128),
        Row("looking up one id among 1 M", look_up_us, "µs", 1),
    ]


def heard(services: Sequence[Service], *, quick: bool) -> list[Row]:
    """Measure how fast guards hear; they, and those who complete tasks, take turns with the replicas."""
    guards, completions = (4, 3) if quick else (GUARDS, ROUNDS)
    with services[0].channel() as channel:
        caller = Caller(channel)
        root = Profile.load(services[0].profile).trust_root
        trust = open_bundle(caller.trust_documents().bundle, root, now_ms=time.time_ns() // 1_000_000)
        tasks = [caller.grant(*scope_at(0).capabilities) for _ in range(completions)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        acknowledged_ms, reached_ms = runner.run(_completed(services, trust, tasks, guards))
    return [
        Row(f"completion until {guards} guards know it, p99", percentile(reached_ms, 99), "ms", _BAR_MS),
        Row(f"completion until {guards} guards know it, p50", percentile(reached_ms, 50), "ms"),
        Row("CompleteTask until it is acknowledged, p50", percentile(acknowledged_ms, 50), "ms"),
    ]


def _many_revoked(count: int) -> tuple[float, float]:
    """Fill a guard's state in a fresh interpreter; give what it takes, MiB, and what a look-up takes, µs."""
    command = [sys.executable, "-c", _FILL, str(count)]
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    if finished.returncode:
        raise MeasurementFailedError(f"a million revocations: {finished.stderr.strip().splitlines()[-1]}")
    mebibytes, look_up_us = finished.stdout.split()
    return float(mebibytes), float(look_up_us)


class _Guard:
    """A connected guard: its state of the feed, and a wake-up for whoever waits for it to know something."""

    def __init__(self, channel: Any, trust: TrustBundle) -> None:
        self._stream = channel.unary_stream(WATCH)(pb.WatchRevocationsRequest().SerializeToString())
        self._trust = trust
        self.state = RevocationState()
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def until_known(self, task_id: bytes | None) -> float:
        """Wait until a task is known to be over, or for the first snapshot; give the time of day then."""
        while not self._knows(task_id):
            self._changed.clear()
            await self._changed.wait()
        return time.perf_counter()

    def _knows(self, task_id: bytes | None) -> bool:
        if task_id is None:
            return self.state.position is not None
        try:
            self.state.check(frozenset({revocation_key(RevocationKind.TASK, task_id)}))
        except Revoked:
            return True
        return False

    def close(self) -> None:
        self._reading.cancel()
        self._stream.cancel()

    async def _read(self) -> None:
        async for message in self._stream:
            statement = read_feed_entry(pb.WatchRevocationsResponse.FromString(message))
            entry = open_feed_entry(statement, self._trust, now_ms=time.time_ns() // 1_000_000)
            self.state.apply(entry, monotonic_ms=time.monotonic_ns() // 1_000_000)
            self._changed.set()


async def _completed(
    services: Sequence[Service], trust: TrustBundle, tasks: list[Holding], guards: int
) -> tuple[list[float], list[float]]:
    """Complete tasks one after another; give milliseconds until each was acknowledged, and known to each guard."""
    acknowledged_ms: list[float] = []
    reached_ms: list[float] = []
    async with AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(service.aio_channel()) for service in services]
        complete: Any = cycle([channel.unary_unary(COMPLETE) for channel in channels])
        watching: list[_Guard] = []
        for number in range(guards):
            guard = _Guard(await stack.enter_async_context(in_turn(services, number).aio_channel()), trust)
            stack.callback(guard.close)
            watching.append(guard)
        await _all(guard.until_known(None) for guard in watching)
        for task in tasks:
            proof = task.proof(SERVICE_AUDIENCE, "complete_task", {"task_id": task.task_id.hex()})
            request = complete_task_request_message(CompleteTaskRequest(task.task_id, proof)).SerializeToString()
            knowing = [asyncio.ensure_future(guard.until_known(task.task_id)) for guard in watching]
            await asyncio.sleep(0)
            began = time.perf_counter()
            await next(complete)(request, timeout=_PATIENCE_S)
            acknowledged_ms.append((time.perf_counter() - began) * 1000)
            reached_ms += [(known_at - began) * 1000 for known_at in await _all(knowing)]
    return acknowledged_ms, reached_ms


async def _all(waiting: Any) -> list[float]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await asyncio.gather(*waiting)
    except TimeoutError:
        raise MeasurementFailedError("a guard did not hear of a revocation") from None
