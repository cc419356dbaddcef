"""The writer: grouping, on which thread what is done, back-pressure, and what happens when it ends."""

from __future__ import annotations

import asyncio
import itertools
import threading
from types import SimpleNamespace

import pytest

from delegation.errors import StorageError
from delegation.storage.group_writer import GroupWriter
from delegation.storage.write_queue import BusyMeter


class Gate:
    """A session that lets the test see each group and decide when it is committed."""

    def __init__(self, *, somebody_writes=False):
        self.somebody_writes = somebody_writes
        self.groups = []
        self.threads = []
        self.entered = threading.Semaphore(0)
        self.leave = threading.Semaphore(0)
        self.closed = False

    def enter_at_once(self, operations):
        return None if self.somebody_writes else self.enter(operations)

    def enter(self, operations):
        self.groups.append(list(operations))
        self.threads.append(threading.current_thread().name)
        if "die" in operations:
            raise MemoryError
        return [ValueError(each) if each == "refuse" else each for each in operations]

    def commit(self, results):
        self.threads.append(threading.current_thread().name)
        self.entered.release()
        self.leave.acquire()
        if "die late" in results:
            raise MemoryError
        return results

    def close(self):
        self.closed = True

    async def next_group(self):
        await asyncio.to_thread(self.entered.acquire)
        return self.groups[-1]


@pytest.fixture(params=["brief", "long"])
def brief(request):
    """Whether operations are written on the event loop."""
    return request.param == "brief"


async def started(gate, queue_limit=100, meter=None, *, brief=True):
    writer = GroupWriter(lambda: gate, queue_limit=queue_limit, brief=lambda _: brief, meter=meter or idle())
    await writer.start()
    return writer


def idle():
    return BusyMeter(cpu_ns=lambda: 0)


def busy():
    ticks = iter(range(0, 10**9, 1_000))
    return BusyMeter(cpu_ns=lambda: next(ticks) * 10**6, clock_ns=lambda: next(ticks) * 10**6)


async def test_what_arrives_during_a_commit_shares_the_next_one(brief):
    gate = Gate()
    writer = await started(gate, brief=brief)
    first = writer.submit("a")
    assert await gate.next_group() == ["a"]
    others = [writer.submit(name) for name in "bcd"]
    gate.leave.release(2)
    assert await first == "a"
    assert await asyncio.gather(*others) == ["b", "c", "d"]
    assert gate.groups == [["a"], ["b", "c", "d"]]
    await writer.stop()


async def test_one_refusal_is_its_own(brief):
    gate = Gate()
    gate.leave.release(1)
    writer = await started(gate, brief=brief)
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


@pytest.mark.parametrize("how", ["die", "die late"])
async def test_a_writer_that_ends_fails_everybody_and_refuses_everything(brief, how):
    gate = Gate()
    gate.leave.release(2)
    writer = await started(gate, brief=brief)
    written = await writer.submit("a")
    ending = [writer.submit(how), *(writer.submit(name) for name in "bcd")]
    results = await asyncio.gather(*ending, return_exceptions=True)
    assert written == "a"
    assert {result.reason for result in results} == {"storage_unavailable"}
    assert isinstance(results[0].__cause__, MemoryError)
    assert gate.closed
    for refuse in (writer.check, lambda: writer.submit("e")):
        with pytest.raises(StorageError):
            refuse()
    await writer.stop()


async def test_what_is_brief_is_written_on_the_loop_and_no_commit_is():
    gate, here = Gate(), threading.current_thread().name
    gate.leave.release(3)
    writer = GroupWriter(lambda: gate, queue_limit=9, brief=lambda each: each != "long", meter=idle())
    await writer.start()
    await writer.submit("short")
    await writer.submit("long")
    await asyncio.gather(writer.submit("short"), writer.submit("long"))
    assert gate.groups == [["short"], ["long"], ["short", "long"]]
    assert gate.threads == [here, *["storage-writer"] * 5]
    await writer.stop()


async def test_whoever_has_to_wait_for_the_database_does_not_keep_the_loop_waiting():
    gate = Gate(somebody_writes=True)
    gate.leave.release(1)
    writer = await started(gate)
    assert await writer.submit("a") == "a"
    assert gate.threads == ["storage-writer"] * 2
    await writer.stop()


async def test_no_group_keeps_the_loop_for_long():
    gate = Gate()
    gate.leave.release(9)
    writer = await started(gate, queue_limit=1000)
    assert await asyncio.gather(*map(writer.submit, range(200))) == list(range(200))
    assert max(map(len, gate.groups)) <= 64
    await writer.stop()


async def test_stopping_finishes_what_was_accepted_and_refuses_the_rest(brief):
    gate = Gate()
    writer = await started(gate, brief=brief)
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


async def test_what_nobody_waits_for_any_more_is_not_written(brief):
    gate = Gate()
    writer = await started(gate, brief=brief)
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

    writer = GroupWriter(refuse, queue_limit=1, brief=bool)
    with pytest.raises(StorageError, match="no such disk"):
        await writer.start()
    with pytest.raises(StorageError):
        writer.submit("a")


async def test_nothing_is_taken_before_the_start():
    writer = GroupWriter(Gate, queue_limit=1, brief=bool)
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
    gate = Gate()
    writer = await started(gate, meter=busy())
    running = writer.submit("a")
    await gate.next_group()
    pair = [writer.submit("b"), writer.submit("c")]
    gate.leave.release(2)
    await asyncio.gather(running, *pair)
    # The last group was shared, so the next is held for a few more, which come one by one.
    held = [writer.submit("d")]
    for name in "efg":
        for _ in range(9):  # each needs some turns of the loop before it is here
            await asyncio.sleep(0)
        held.append(writer.submit(name))
    gate.leave.release()
    assert await asyncio.gather(*held) == ["d", "e", "f", "g"]
    assert gate.groups[-1] == ["d", "e", "f", "g"]
    await writer.stop()


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def used_to_company(gate):
    """A writer of a busy process, whose last group was shared."""
    gate.leave.release(9)
    writer = await started(gate, meter=busy())
    await asyncio.gather(writer.submit("a"), writer.submit("b"))
    return writer


async def test_nobody_waits_for_those_who_do_not_come():
    writer = await used_to_company(gate := Gate())
    alone = writer.submit("alone")
    await turns(9)
    assert gate.groups[-1] == ["a", "b"]
    await turns(49)
    assert gate.groups[-1] == ["alone"]
    assert await alone == "alone"
    await writer.stop()


async def test_a_full_group_is_not_held():
    writer = await used_to_company(gate := Gate())
    many = [writer.submit(number) for number in range(40)]
    await turns(2)
    assert gate.groups[-1] == list(range(40))
    await asyncio.gather(*many)
    await writer.stop()


async def test_who_stops_while_a_group_is_held_has_it_written():
    writer = await used_to_company(gate := Gate())
    held = writer.submit("held")
    await turns(3)
    await asyncio.gather(writer.stop(), writer.stop())
    assert await held == "held"
    assert gate.closed


async def test_after_a_group_that_took_long_the_thread_writes_the_next_ones(monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr("delegation.storage.group_writer.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    monkeypatch.setattr("delegation.storage.group_writer._NEXT", 2)
    gate, here = Gate(), threading.current_thread().name
    gate.leave.release(9)
    writer = await started(gate)
    for name in "abcd":
        await writer.submit(name)
    assert gate.threads[::2] == [here, "storage-writer", "storage-writer", here]
    await writer.stop()
