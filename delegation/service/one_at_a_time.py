"""Whoever works on the same waits for one another, in the order of coming; not too many of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from delegation.service.waiting_room import TooManyOfOneError


class Key(NamedTuple):
    """What is worked on, and how many may work on it or wait for that."""

    name: str
    users: int


@dataclass(slots=True)
class _InUse:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class OneAtATime:
    """Gives turns by keys. Used from one event loop; what nobody works on or waits for is not kept."""

    def __init__(self) -> None:
        self._in_use: dict[str, _InUse] = {}

    @contextlib.asynccontextmanager
    async def turn(self, keys: Sequence[Key]) -> AsyncIterator[bool]:
        """Hold these keys, taken one after another; tell whether anybody had one of them before.

        Two who hold several never wait for each other if all name their keys in the same order: those of one kind
        before those of another, one of each.

        Raises:
            TooManyOfOneError: too many wait for one of them.
        """
        waited = False
        async with contextlib.AsyncExitStack() as held:
            for key in keys:
                in_use = self._in_use.setdefault(key.name, _InUse())
                if in_use.users >= key.users:
                    raise TooManyOfOneError("too many calls of this task or agent wait for the decision point")
                in_use.users += 1
                held.callback(self._let_go, key.name)
                waited = waited or in_use.lock.locked()
                await held.enter_async_context(in_use.lock)
            yield waited

    def _let_go(self, name: str) -> None:
        in_use = self._in_use[name]
        in_use.users -= 1
        if not in_use.users:
            del self._in_use[name]
