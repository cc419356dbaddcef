"""Requests of a stream: in order, side by side up to a window, and ended by either side."""

from __future__ import annotations

import asyncio

import pytest

from delegation.errors import InvalidRequest
from delegation.server.incoming import Incoming, in_order


def incoming_of(requests, window=4, **options):
    """Requests that need no reading."""
    return Incoming(requests, window, read=lambda request: request, **options)


async def numbers(count, *, fail=None):
    for number in range(count):
        yield number
    if fail is not None:
        raise fail


async def test_requests_come_in_their_order():
    assert [number async for number in incoming_of(numbers(100))] == list(range(100))


async def test_no_more_than_the_window_is_read_ahead():
    read = []

    async def noted():
        for number in range(100):
            read.append(number)
            yield number

    incoming = incoming_of(noted())
    assert await anext(incoming) == 0
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(read) <= 1 + 4 + 1
    incoming.end()


async def test_what_is_refused_ends_the_stream_before_it_waits_for_room():
    def read(request):
        if request == "refused":
            seen.set()
            raise InvalidRequest("too large")
        return request

    async def requests():
        yield "fits"
        yield "refused"

    seen = asyncio.Event()
    incoming = Incoming(requests(), 1, read=read)
    await asyncio.wait_for(seen.wait(), 30)
    assert await anext(incoming) == "fits"
    with pytest.raises(InvalidRequest):
        await anext(incoming)


async def test_ended_by_the_server_it_still_gives_what_was_read():
    async def forever():
        yield 1
        yield 2
        await asyncio.Event().wait()

    incoming = incoming_of(forever())
    assert await anext(incoming) == 1
    incoming.end()
    assert [number async for number in incoming] == [2]


async def test_a_failure_to_read_is_raised_after_what_was_read():
    incoming = incoming_of(numbers(2, fail=ValueError("broken")))
    assert [await anext(incoming), await anext(incoming)] == [0, 1]
    with pytest.raises(ValueError, match="broken"):
        await anext(incoming)


async def test_a_request_that_cannot_be_read_ends_the_stream_after_those_before_it():
    def read(request):
        if request == 2:
            raise ValueError("no request")
        return request

    incoming = Incoming(numbers(5), 4, read=read)
    assert [await anext(incoming), await anext(incoming)] == [0, 1]
    with pytest.raises(ValueError, match="no request"):
        await anext(incoming)


async def test_two_streams_of_one_caller_share_what_may_be_under_way():
    under_way = asyncio.Semaphore(3)
    one, other = (incoming_of(numbers(10), under_way=under_way) for _ in range(2))
    assert [await anext(one), await anext(one), await anext(one)] == [0, 1, 2]
    waiting = asyncio.create_task(anext(other))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done(), "three are under way"
    one.over()
    assert await waiting == 0
    other.answered()
    other.over()
    for _ in range(20):
        await asyncio.sleep(0)  # the readers end
    assert under_way._value == 3, "all is given back"


async def test_a_stream_waits_for_as_long_as_it_owes():
    owed = iter([0.0, 0.0, 3600.0])
    incoming = incoming_of(numbers(10), owed_seconds=lambda: next(owed))
    assert [await anext(incoming), await anext(incoming)] == [0, 1]
    waiting = asyncio.create_task(anext(incoming))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    incoming.end()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_answers_come_in_the_order_of_requests_though_they_are_made_side_by_side():
    gates = [asyncio.Event() for _ in range(4)]

    async def answer(number):
        await gates[number].wait()
        if number:
            gates[number - 1].set()  # later ones finish first
        return number

    gates[3].set()
    assert [number async for number in in_order(numbers(4), answer, window=4)] == [0, 1, 2, 3]


async def test_no_more_than_the_window_are_answered_at_once():
    running = most = 0

    async def answer(number):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number

    assert len([number async for number in in_order(numbers(50), answer, window=8)]) == 50
    assert 1 < most <= 8


async def test_a_failed_answer_ends_the_stream_after_the_answers_before_it():
    async def answer(number):
        if number == 2:
            raise ValueError("broken")
        return number

    answers = in_order(numbers(10), answer, window=4)
    assert [await anext(answers), await anext(answers)] == [0, 1]
    with pytest.raises(ValueError, match="broken"):
        await anext(answers)
