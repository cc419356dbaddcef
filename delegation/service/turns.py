"""Turns at work that occupies the event loop: one in each of its rounds, so that whatever else waits gets its own.

Those who wait are asked in turn, however many of them belong to one caller: nobody keeps the others waiting by coming
a thousand times.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque


class Turns:
    """Gives turns. Used from one event loop."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._going = False

    async def take(self, caller_id: str) -> None:
        """Wait for a turn."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(caller_id, deque()).append(turn)
        if not self._going:
            self._going = True
            loop.call_soon(self._give)
        await turn

    def _give(self) -> None:
        """Let one go on, of the caller who has waited longest since the last one."""
        given = False
        while self._waiting and not given:
            caller_id, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[caller_id] = turns
            if not turn.done():  # else it has gone away
                turn.set_result(None)
                given = True
        self._going = bool(self._waiting)
        if self._going:
            asyncio.get_running_loop().call_soon(self._give)
