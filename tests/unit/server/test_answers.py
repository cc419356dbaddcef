"""What becomes of a stream's handler when its client stops reading."""

from __future__ import annotations

import asyncio

import grpc.aio
import pytest

from delegation.server.answers import write_answers


class _Client:
    """Takes so many answers, and is gone."""

    def __init__(self, takes, gone):
        self.taken = []
        self._takes = takes
        self._gone = gone

    async def write(self, answer):
        if len(self.taken) == self._takes:
            raise self._gone
        self.taken.append(answer)


GONE = [asyncio.CancelledError(), grpc.aio.InternalError("what gRPC says if it is told later that its client has gone")]


@pytest.mark.parametrize("gone", GONE, ids=lambda error: type(error).__name__)
async def test_a_handler_ends_in_its_own_task_when_nobody_takes_its_answers(gone):
    ended_in = []

    async def answers():
        try:
            for number in range(10):
                yield number
        finally:
            ended_in.append(asyncio.current_task())

    client = _Client(2, gone)
    with pytest.raises(asyncio.CancelledError):
        await write_answers(answers(), client)
    assert client.taken == [0, 1]
    assert ended_in == [asyncio.current_task()]
