"""Whoever works on the same waits for one another, in the order of coming."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence


class OneAtATime:
    """Gives turns by keys. Used from one event loop; what nobody works on or waits for is not kept."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, keys: Sequence[str]) -> AsyncIterator[bool]:
        """Hold these keys, taken one after another; tell whether anybody had one of them before.

        Two who hold several never wait for each other if all name their keys in the same order: those of one kind
        before those of another, one of each.
        """
        waited = False
        async with contextlib.AsyncExitStack() as held:
            for key in keys:
                lock = self._take(key)
                held.callback(self._let_go, key)
                waited = waited or lock.locked()
                await held.enter_async_context(lock)
            yield waited

    def _take(self, key: str) -> asyncio.Lock:
        lock, users = self._locks.get(key) or (asyncio.Lock(), 0)
        self._locks[key] = lock, users + 1
        return lock

    def _let_go(self, key: str) -> None:
        lock, users = self._locks.pop(key)
        if users > 1:
            self._locks[key] = lock, users - 1
