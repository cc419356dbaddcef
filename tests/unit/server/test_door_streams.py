"""What becomes of a stream's handler when its client stops reading."""

from __future__ import annotations

import asyncio

import pytest

from delegation.server.door import _write


class _Client:
    """Takes so many answers, and is gone."""

    def __init__(self, takes):
        self.taken = []
        self._takes = takes

    async def write(self, answer):
        if len(self.taken) == self._takes:
            raise asyncio.CancelledError
        self.taken.append(answer)


async def test_a_handler_ends_in_its_own_task_when_nobody_takes_its_answers():
    ended_in = []

    async def answers():
        try:
            for number in range(10):
                yield number
        finally:
            ended_in.append(asyncio.current_task())

    client = _Client(takes=2)
    with pytest.raises(asyncio.CancelledError):
        await _write(answers(), client)
    assert client.taken == [0, 1]
    assert ended_in == [asyncio.current_task()]
