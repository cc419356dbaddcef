"""Hears from other replicas: that the feed moved, and what they tell one another.

A notification is a hint and no more. That the feed moved is read from the database, which is also asked now and then
without one: so a lost notification costs time, and a forged one a question.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import structlog

from delegation.errors import ConfigError, StorageError
from delegation.storage.postgres.connection import DRIVER_ERRORS, Connection, PostgresServer, connect
from delegation.storage.postgres.session import FEED_CHANNEL

if TYPE_CHECKING:
    from delegation.storage.relay import Hears

_LOG: Final = structlog.get_logger("delegation")

RELAY_CHANNEL: Final = "delegation_relay"
"""What replicas tell one another."""

POLL_SECONDS: Final = 0.5
"""How late this replica may know of a revocation if no notification comes."""

_LISTEN_AGAIN_SECONDS: Final = 0.5
_PROBE_SECONDS: Final = 5.0


class Watcher:
    """Follows what other replicas write and say.

    Arguments:
        server: where.
        feed_may_have_moved: looks; may raise `StorageError`.
    """

    def __init__(self, server: PostgresServer, feed_may_have_moved: Callable[[], Awaitable[object]]) -> None:
        self._server = server
        self._look = feed_may_have_moved
        self._hint = asyncio.Event()
        self._hears: list[Hears] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._said: set[str] = set()

    def start(self) -> None:
        """Begin to listen and to look."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._follow())]

    async def stop(self) -> None:
        """Stop both."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hint(self) -> None:
        """Look at the feed's head soon."""
        self._hint.set()

    def listener(self, hears: Hears) -> None:
        """Have somebody called with everything that replicas tell one another, this one's own words included."""
        self._hears.append(hears)

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._hint.wait()
            self._hint.clear()
            await self._survived("looking at the feed's head", self._look())

    async def _listen(self) -> None:
        while True:
            await self._survived("listening to other replicas", self._listen_once())
            await asyncio.sleep(_LISTEN_AGAIN_SECONDS)

    async def _listen_once(self) -> None:
        connection = await connect(self._server)
        try:
            await self._listen_on(connection)
        finally:
            connection.terminate()

    async def _survived(self, doing: str, work: Awaitable[object]) -> None:
        """Do something that is done again whatever becomes of it: a replica that does not listen is a danger."""
        try:
            await work
        except (*DRIVER_ERRORS, StorageError, ConfigError) as error:
            self._say(doing, error, "warning")
        except Exception as error:  # noqa: BLE001 - the type says enough; its text may hold a value
            self._say(doing, error, "error")
        else:
            self._said.discard(doing)

    def _say(self, doing: str, error: Exception, level: str) -> None:
        """Log what failed, once until it works again."""
        if doing not in self._said:
            self._said.add(doing)
            getattr(_LOG, level)("the database is not reached", doing=doing, type=type(error).__qualname__)

    async def _listen_on(self, connection: Connection) -> None:
        """Listen until the connection is lost, which a question now and then finds out."""
        over = asyncio.Event()
        connection.add_termination_listener(lambda _: over.set())
        await connection.add_listener(FEED_CHANNEL, lambda *_: self._hint.set())
        await connection.add_listener(RELAY_CHANNEL, lambda *heard: self._heard(heard[-1]))
        self._hint.set()  # something may have been said meanwhile
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PROBE_SECONDS):
                    await over.wait()
            await connection.execute("SELECT 1")

    def _heard(self, words: str) -> None:
        for hears in self._hears:
            hears(words)
