"""Writes what waits, group after group: brief groups on the event loop, long ones and every commit on a thread.

The statements of a few rows take less time than handing the interpreter to another thread and back for each of them,
and a busy loop makes that thread wait each time. No commit waits for the disk on the loop, and a group that took long
there, whatever for, sends the next ones to the thread.

This module knows no SQL. It hands lists of operations to a session, and their results to whoever waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from delegation.storage.write_queue import BusyMeter, O, WriteQueue, deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

O_contra = TypeVar("O_contra", contravariant=True)

_GROUP_LIMIT: Final = 64
"""Operations of one group: for so many others of the loop wait at most."""
_HOLD_FOR: Final = 32
"""Operations: half of 64 callers' are written while the others are answered."""
_QUIET: Final = 48
"""Turns of the loop in which nothing more came: there is nobody else to wait for. A request takes some twenty from its
arrival until it is here, since gRPC brings it in pieces."""
_HOLD_S: Final = 0.02
_LONG_S: Final = 0.02
"""A group that took so long on the loop had more to do, or waited for the disk: its like belong on the thread."""
_NEXT: Final = 64
"""Groups that are entered on the thread after it."""


class Session(Protocol[O_contra]):
    """What makes a group durable. Used by one thread at a time."""

    def enter(self, operations: Sequence[O_contra], /) -> Sequence[object]:
        """Make the writes; return each one's result, or the exception that refused it. None of it is durable yet.

        Raising ends the writer: it means that the session cannot go on.
        """

    def enter_at_once(self, operations: Sequence[O_contra], /) -> Sequence[object] | None:
        """Make them if they can be made in one go; else return None, and nothing is made. Waits for nobody."""

    def commit(self, results: Sequence[object], /) -> Sequence[object]:
        """Make what was entered durable; return the results as they are then. Raising ends the writer."""

    def close(self) -> None:
        """Let go of the database."""


class GroupWriter(WriteQueue[O]):
    """Runs operations in groups; used from one event loop.

    Arguments:
        open_session: called on the writing thread; its exception is `start`'s.
        queue_limit: how many operations may wait; further ones are refused.
        brief: tells whether an operation takes no longer than handing it to another thread.
    """

    def __init__(
        self,
        open_session: Callable[[], Session[O]],
        *,
        queue_limit: int,
        brief: Callable[[O], bool],
        meter: BusyMeter | None = None,
    ) -> None:
        super().__init__(queue_limit=queue_limit, group_limit=_GROUP_LIMIT, meter=meter)
        self._open_session = open_session
        self._brief = brief
        self._jobs: SimpleQueue[Callable[[], Sequence[object]] | None] = SimpleQueue()
        self._under_way: list[asyncio.Future[object]] = []
        self._gathering = False
        self._on_thread = 0
        self._loop: asyncio.AbstractEventLoop
        self._session: Session[O]
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
            if not self._gathering and not self._under_way:
                self._jobs.put(None)
        if self._stopping:
            await asyncio.shield(self._finished)

    def submit(self, operation: O) -> asyncio.Future[object]:
        """Queue an operation; its future gets the result. Raises `StorageError` as `check` does."""
        self.check()
        future: asyncio.Future[object] = self._loop.create_future()
        self._waiting.append((operation, future))
        if not self._gathering and not self._under_way:
            self._gather()
        return future

    # -- group after group -------------------------------------------------------------------

    def _gather(self) -> None:
        """Begin with a group, at once or in a moment."""
        self._gathering = True
        if self._worth_holding():
            self._loop.call_soon(self._hold, len(self._waiting), _QUIET, time.monotonic() + _HOLD_S)
        else:
            self._loop.call_soon(self._write)

    def _hold(self, seen: int, turns: int, until_s: float) -> None:
        """Look once in each turn of the loop whether there is anything to wait for."""
        count = len(self._waiting)
        turns = _QUIET if count > seen else turns - 1
        if count >= _HOLD_FOR or not turns or self._stopping or time.monotonic() > until_s:
            self._write()
        else:
            self._loop.call_soon(self._hold, count, turns, until_s)

    def _write(self) -> None:
        """Write a group, and have it committed; what takes long is written where it is committed."""
        self._gathering = False
        group = self._pop()
        if not group:
            self._go_on()
            return
        operations = [operation for operation, _ in group]
        self._under_way = [future for _, future in group]
        try:
            results = self._entered(operations)
        except BaseException as error:
            self._jobs.put(partial(_fail, error))  # whatever it was, nobody may wait for the group
            if not isinstance(error, Exception):
                raise
            return
        if results is None:
            self._jobs.put(partial(self._enter_and_commit, operations))
        else:
            self._jobs.put(partial(self._session.commit, results))

    def _entered(self, operations: Sequence[O]) -> Sequence[object] | None:
        """Enter a group here; None if it is the thread's."""
        if self._on_thread:
            self._on_thread -= 1
            return None
        if not all(map(self._brief, operations)):
            return None
        began_s = time.monotonic()  # the loop's own clock may stand still within a turn
        results = self._session.enter_at_once(operations)
        if time.monotonic() - began_s > _LONG_S:
            self._on_thread = _NEXT
        return results

    def _done(self, results: Sequence[object]) -> None:
        futures, self._under_way = self._under_way, []
        deliver(futures, results)
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting:
            self._gather()
        elif self._stopping:
            self._jobs.put(None)

    def _finish(self) -> None:
        futures, self._under_way = self._under_way, []
        self._fail(futures)
        self._finished.set_result(None)

    # -- on the writing thread ---------------------------------------------------------------

    def _work(self, started: asyncio.Future[None]) -> None:
        try:
            self._session = self._open_session()
        except BaseException as error:  # noqa: BLE001 - it is `start`'s to raise
            self._post(started.set_exception, error)
            return
        self._ended = None
        self._post(started.set_result, None)
        try:
            with contextlib.closing(self._session):
                while (job := self._jobs.get()) is not None:
                    self._post(self._done, job())
        except BaseException as error:  # noqa: BLE001 - whatever ended the thread, nobody may wait for it
            self._cause = error
            self._ended = f"the database writer ended: {type(error).__name__}"
        self._post(self._finish)

    def _enter_and_commit(self, operations: Sequence[O]) -> Sequence[object]:
        return self._session.commit(self._session.enter(operations))

    def _post(self, callback: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits for an answer
            self._loop.call_soon_threadsafe(callback, *args)


def _fail(error: BaseException) -> Sequence[object]:
    raise error
