"""Turns: one in a round of the event loop, caller after caller."""

from __future__ import annotations

import asyncio

from delegation.service.turns import Turns


async def test_callers_take_turns_however_often_one_of_them_comes():
    turns, taken = Turns(), []

    async def work(caller):
        await turns.take(caller)
        taken.append(caller)

    await asyncio.gather(*map(work, ["loud"] * 50 + ["quiet"] * 2))
    assert taken[:4] == ["loud", "quiet", "loud", "quiet"]
    assert len(taken) == 52


async def test_there_is_one_turn_in_a_round():
    turns, rounds, seen = Turns(), 0, []

    async def work():
        await turns.take("one")
        seen.append(rounds)

    working = asyncio.gather(*(work() for _ in range(5)))
    while not working.done():
        rounds += 1
        await asyncio.sleep(0)
    assert len(set(seen)) == 5


async def test_whoever_goes_away_takes_nobodys_turn():
    turns = Turns()
    gone, stays = [asyncio.create_task(turns.take(caller)) for caller in ("one", "two")]
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(stays, 10)
    await asyncio.wait_for(turns.take("one"), 10)
