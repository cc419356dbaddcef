"""One thread that writes what waits, group after group.

This module knows no SQL. It hands lists of operations to a session and their results back to
the event loop, by one call each way.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Protocol, TypeVar

from delegation.storage.write_queue import HOLD_FOR, HOLD_S, BusyMeter, Group, O, WriteQueue, deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

O_contra = TypeVar("O_contra", contravariant=True)


class Session(Protocol[O_contra]):
    """What the writing thread does with a group; used by that thread alone."""

    def run(self, operations: Sequence[O_contra], /) -> Sequence[object]:
        """Make the writes durable and return each one's result, or the exception that refused it.

        Raising ends the writer: it means that the session cannot go on.
        """

    def close(self) -> None:
        """Let go of the database."""


class GroupWriter(WriteQueue[O]):
    """Runs operations in groups on a thread of its own; used from one event loop.

    Arguments:
        open_session: called on the writing thread; its exception is `start`'s.
        queue_limit: how many operations may wait; further ones are refused.
    """

    def __init__(
        self, open_session: Callable[[], Session[O]], *, queue_limit: int, meter: BusyMeter | None = None
    ) -> None:
        super().__init__(queue_limit=queue_limit, meter=meter)
        self._open_session = open_session
        self._wanted = 1
        self._asleep = threading.Lock()  # released to wake the thread: a fifth of what an event costs both sides
        self._asleep.acquire()
        self._loop: asyncio.AbstractEventLoop
        self._finished: asyncio.Future[None]

    async def start(self) -> None:
        """Open the session and begin to take operations."""
        self._loop = asyncio.get_running_loop()
        self._finished = self._loop.create_future()
        started: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._work, args=(started,), name="storage-writer", daemon=True).start()
        await started

    async def stop(self) -> None:
        """Finish what was accepted, refuse what comes later, and close the session."""
        if self._ended is None:
            self._ended = "the database is closed"
            self._stopping = True
            self._rouse()
            await self._finished

    def submit(self, operation: O) -> asyncio.Future[object]:
        """Queue an operation; its future gets the result. Raises `StorageError` as `check` does."""
        self.check()
        future: asyncio.Future[object] = self._loop.create_future()
        self._waiting.append((operation, future))
        # Pairs with _await: there the lock is taken before the queue is counted.
        if len(self._waiting) >= self._wanted:
            self._rouse()
        return future

    def _rouse(self) -> None:
        if self._asleep.locked():  # nobody else releases it
            self._asleep.release()

    # -- on the writing thread ---------------------------------------------------------------

    def _work(self, started: asyncio.Future[None]) -> None:
        try:
            session = self._open_session()
        except BaseException as error:  # noqa: BLE001 - it is `start`'s to raise
            self._post(started.set_exception, error)
            return
        self._ended = None
        self._post(started.set_result, None)
        group: Group[O] = []
        try:
            with contextlib.closing(session):
                while group := self._take():
                    results = session.run([operation for operation, _ in group])
                    self._post(deliver, [future for _, future in group], results)
        except BaseException as error:  # noqa: BLE001 - whatever ended the thread, nobody may wait for it
            self._cause = error
            self._ended = f"the database writer ended: {type(error).__name__}"
        self._post(self._finish, [future for _, future in group])

    def _take(self) -> Group[O]:
        """Wait for a group; an empty one means that it is time to stop."""
        group: Group[O] = []
        while not group and not (self._stopping and not self._waiting):
            self._await(1, None)
            if self._worth_holding():
                self._await(HOLD_FOR, HOLD_S)
            group = self._pop()
        return group

    def _await(self, wanted: int, timeout_s: float | None) -> None:
        self._wanted = wanted
        self._asleep.acquire(blocking=False)
        if len(self._waiting) < wanted and not self._stopping:
            self._asleep.acquire(timeout=-1 if timeout_s is None else timeout_s)
        self._wanted = 1

    def _post(self, callback: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits for an answer
            self._loop.call_soon_threadsafe(callback, *args)

    # -- on the event loop -------------------------------------------------------------------

    def _finish(self, unanswered: list[asyncio.Future[object]]) -> None:
        self._fail(unanswered)
        self._finished.set_result(None)
