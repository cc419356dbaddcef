"""Turns at the same: one after another in the order of coming, not too many, and never crosswise."""

from __future__ import annotations

import asyncio

import pytest

from delegation.service.one_at_a_time import Key, OneAtATime
from delegation.service.waiting_room import TooManyOfOneError, WaitingRoom


async def test_turns_are_taken_in_the_order_of_coming_and_only_those_of_the_same_wait():
    turns, order = OneAtATime(), []

    async def work(name, *keys):
        async with turns.turn([Key(key, 9) for key in keys]) as waited:
            order.append((name, waited))
            await asyncio.sleep(0)

    await asyncio.gather(work("a", "1", "x"), work("b", "1", "y"), work("c", "2", "z"), work("d", "3", "x"))
    assert sorted(order) == [("a", False), ("b", True), ("c", False), ("d", True)]
    assert order.index(("a", False)) < order.index(("b", True))
    assert turns._in_use == {}


async def test_who_may_not_wait_leaves_nothing_behind():
    turns = OneAtATime()
    async with turns.turn([Key("task", 1), Key("agent", 2)]):
        with pytest.raises(TooManyOfOneError):
            async with turns.turn([Key("other", 5), Key("task", 1)]):
                pass
        assert turns._in_use.keys() == {"task", "agent"}
    assert turns._in_use == {}


async def test_who_gives_up_waiting_keeps_nobody_from_going_on():
    turns = OneAtATime()

    async def work():
        async with turns.turn([Key("task", 9)]):
            return "done"

    async with turns.turn([Key("task", 9)]):
        gone, next_ = asyncio.create_task(work()), asyncio.create_task(work())
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    assert await next_ == "done"
    assert turns._in_use == {}


def test_a_place_is_given_back_however_its_holder_leaves():
    room = WaitingRoom(2, 1)
    with pytest.raises(ZeroDivisionError), room.place("a"):
        raise ZeroDivisionError
    with room.place("a"), room.place("b"), pytest.raises(TooManyOfOneError), room.place("a"):
        pass
    assert (room._left, room._taken) == (2, {})
