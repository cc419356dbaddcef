"""The writing thread: grouping, back-pressure, and what happens when it ends."""

from __future__ import annotations

import asyncio
import threading

import pytest

from delegation.errors import StorageError
from delegation.storage.group_writer import GroupWriter
from delegation.storage.write_queue import BusyMeter


class Gate:
    """A session that lets the test see each group and decide when it is done."""

    def __init__(self):
        self.groups = []
        self.entered = threading.Semaphore(0)
        self.leave = threading.Semaphore(0)
        self.closed = False

    def run(self, operations):
        self.groups.append(list(operations))
        self.entered.release()
        self.leave.acquire()
        if "die" in operations:
            raise MemoryError
        return [ValueError(each) if each == "refuse" else each for each in operations]

    def close(self):
        self.closed = True

    async def next_group(self):
        await asyncio.to_thread(self.entered.acquire)
        return self.groups[-1]


async def started(gate, queue_limit=100, meter=None):
    writer = GroupWriter(lambda: gate, queue_limit=queue_limit, meter=meter or idle())
    await writer.start()
    return writer


def idle():
    return BusyMeter(cpu_ns=lambda: 0)


async def test_what_arrives_during_a_commit_shares_the_next_one():
    gate = Gate()
    writer = await started(gate)
    first = writer.submit("a")
    assert await gate.next_group() == ["a"]
    others = [writer.submit(name) for name in "bcd"]
    gate.leave.release(2)
    assert await first == "a"
    assert await asyncio.gather(*others) == ["b", "c", "d"]
    assert gate.groups == [["a"], ["b", "c", "d"]]
    await writer.stop()


async def test_one_refusal_is_its_own():
    gate = Gate()
    gate.leave.release(1)
    writer = await started(gate)
    good, refused = writer.submit("a"), writer.submit("refuse")
    gate.leave.release(1)
    assert await good == "a"
    with pytest.raises(ValueError, match="refuse"):
        await refused
    await writer.stop()


async def test_a_full_queue_refuses_at_once():
    gate = Gate()
    writer = await started(gate, queue_limit=2)
    running = writer.submit("a")
    await gate.next_group()
    waiting = [writer.submit("b"), writer.submit("c")]
    with pytest.raises(StorageError) as refused:
        writer.submit("d")
    assert refused.value.reason == "overloaded"
    gate.leave.release(2)
    assert await asyncio.gather(running, *waiting) == ["a", "b", "c"]
    await writer.stop()


async def test_a_writer_that_ends_fails_everybody_and_refuses_everything():
    gate = Gate()
    writer = await started(gate)
    running = writer.submit("die")
    await gate.next_group()
    waiting = [writer.submit(name) for name in "bcd"]
    gate.leave.release()
    results = await asyncio.gather(running, *waiting, return_exceptions=True)
    assert {result.reason for result in results} == {"storage_unavailable"}
    assert isinstance(results[0].__cause__, MemoryError)
    assert gate.closed
    for refuse in (writer.check, lambda: writer.submit("e")):
        with pytest.raises(StorageError):
            refuse()
    await writer.stop()


async def test_stopping_finishes_what_was_accepted_and_refuses_the_rest():
    gate = Gate()
    writer = await started(gate)
    accepted = [writer.submit("a")]
    await gate.next_group()
    accepted += [writer.submit("b"), writer.submit("c")]
    stopping = asyncio.create_task(writer.stop())
    await asyncio.sleep(0)
    with pytest.raises(StorageError):
        writer.submit("d")
    gate.leave.release(2)
    assert await asyncio.gather(*accepted) == ["a", "b", "c"]
    await stopping
    assert gate.closed


async def test_what_nobody_waits_for_any_more_is_not_written():
    gate = Gate()
    writer = await started(gate)
    running = writer.submit("a")
    await gate.next_group()
    given_up, waiting = writer.submit("b"), writer.submit("c")
    given_up.cancel()
    gate.leave.release(2)
    assert [await running, await waiting] == ["a", "c"]
    assert gate.groups == [["a"], ["c"]]
    await writer.stop()


async def test_a_session_that_cannot_be_opened_fails_the_start():
    def refuse():
        raise StorageError("storage_unavailable", "no such disk")

    writer = GroupWriter(refuse, queue_limit=1)
    with pytest.raises(StorageError, match="no such disk"):
        await writer.start()
    with pytest.raises(StorageError):
        writer.submit("a")


async def test_nothing_is_taken_before_the_start():
    writer = GroupWriter(Gate, queue_limit=1)
    with pytest.raises(StorageError, match="not open"):
        writer.submit("a")


def test_a_process_is_busy_when_it_used_most_of_a_core_in_the_last_window():
    cpu_ms, clock_ms = 0, 0
    meter = BusyMeter(cpu_ns=lambda: cpu_ms * 1_000_000, clock_ns=lambda: clock_ms * 1_000_000)
    assert not meter.busy()
    cpu_ms, clock_ms = 90, 100
    assert meter.busy()
    cpu_ms, clock_ms = 90, 110  # too short a window to tell
    assert meter.busy()
    cpu_ms, clock_ms = 95, 200
    assert not meter.busy()


async def test_a_busy_process_with_several_callers_waits_for_a_fuller_group():
    ticks = iter(range(0, 10**9, 1_000))
    busy = BusyMeter(cpu_ns=lambda: next(ticks) * 10**6, clock_ns=lambda: next(ticks) * 10**6)
    gate = Gate()
    writer = await started(gate, meter=busy)
    running = writer.submit("a")
    await gate.next_group()
    pair = [writer.submit("b"), writer.submit("c")]
    gate.leave.release(2)
    await asyncio.gather(running, *pair)
    # The last group was shared, so the next is held for a few more, which come one by one.
    held = [writer.submit(number) for number in range(5)]
    gate.leave.release()
    assert await asyncio.gather(*held) == [0, 1, 2, 3, 4]
    assert gate.groups[-1] == [0, 1, 2, 3, 4]
    await writer.stop()
