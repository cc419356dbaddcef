"""One task that writes what waits, group after group, on the event loop.

A thread as for SQLite would only stand in the way: the driver waits in the loop by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from delegation.storage.write_queue import BusyMeter, O, WriteQueue, deliver

if TYPE_CHECKING:
    from collections.abc import Sequence

O_contra = TypeVar("O_contra", contravariant=True)

_HOLD_FOR: Final = 8
"""Operations; waiting for more starves 16 callers in flight."""
_HOLD_S: Final = 0.003


class AsyncSession(Protocol[O_contra]):
    """What the writing task does with a group."""

    async def run(self, operations: Sequence[O_contra], /) -> Sequence[object]:
        """Make the writes durable and return each one's result, or the exception that refused it.

        Raises nothing for a database that is away: it may be back for the next group.
        """

    async def open(self) -> None:
        """Reach the database. Raises `StorageError`."""

    async def close(self) -> None:
        """Let go of the database."""


class LoopWriter(WriteQueue[O]):
    """Runs operations in groups on the event loop that it is used from.

    Arguments:
        session: what makes a group durable.
        queue_limit: how many operations may wait; further ones are refused.
    """

    def __init__(self, session: AsyncSession[O], *, queue_limit: int, meter: BusyMeter | None = None) -> None:
        super().__init__(queue_limit=queue_limit, meter=meter)
        self._session = session
        self._wake = asyncio.Event()
        self._wanted = 1
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the session and begin to take operations. Raises `StorageError`."""
        self._loop = asyncio.get_running_loop()
        await self._session.open()
        self._ended = None
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Finish what was accepted, refuse what comes later, and close the session."""
        if self._task is None:
            return
        self._ended = self._ended or "the database is closed"
        self._stopping = True
        self._wake.set()
        await self._task

    def refuse(self, why: str) -> None:
        """Refuse everything from now on."""
        self._ended = why

    def submit(self, operation: O) -> asyncio.Future[object]:
        """Queue an operation; its future gets the result. Raises `StorageError` as `check` does."""
        self.check()
        future: asyncio.Future[object] = self._loop.create_future()
        self._waiting.append((operation, future))
        if len(self._waiting) >= self._wanted:
            self._wake.set()
        return future

    async def _work(self) -> None:
        unanswered: list[asyncio.Future[object]] = []
        try:
            while self._waiting or not self._stopping:
                await self._await(1, None)
                if self._worth_holding():
                    await self._await(_HOLD_FOR, _HOLD_S)
                group = self._pop()
                unanswered = [future for _, future in group]
                if group:
                    deliver(unanswered, await self._session.run([operation for operation, _ in group]))
        except BaseException as error:  # noqa: BLE001 - whatever ended the task, nobody may wait for it
            self._cause = error
            self._ended = f"the database writer ended: {type(error).__name__}"
        self._fail([future for future in unanswered if not future.done()])
        await self._session.close()

    async def _await(self, wanted: int, timeout_s: float | None) -> None:
        self._wanted = wanted
        self._wake.clear()
        if len(self._waiting) < wanted and not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
        self._wanted = 1
