"""One thread that writes, and the grouping of what waits for it.

An idle writer begins at once; what arrives while it commits shares the next commit. While the
process is busy with several callers it also holds a group open for a moment: each commit costs
processor time that the other work then wants, so fewer, larger groups serve everybody better.

This module knows no SQL. It hands lists of operations to a session and their results back to
the event loop, by one call each way.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from delegation.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BUSY_CORES: Final = 0.75  # of one core: above it, holding a group costs less than another commit
_BUSY_WINDOW_NS: Final = 20_000_000  # shorter windows measure the clock's ticks
_HOLD_FOR: Final = 5  # operations; waiting for more starves 16 callers in flight
_HOLD_S: Final = 0.003
_GROUP_LIMIT: Final = 256  # operations, so that no group makes the next one wait long

O_contra = TypeVar("O_contra", contravariant=True)
O = TypeVar("O")  # noqa: E741
_Group = list[tuple[O, asyncio.Future[object]]]


class Session(Protocol[O_contra]):
    """What the writing thread does with a group; used by that thread alone."""

    def run(self, operations: Sequence[O_contra], /) -> Sequence[object]:
        """Make the writes durable and return each one's result, or the exception that refused it.

        Raising ends the writer: it means that the session cannot go on.
        """

    def close(self) -> None:
        """Let go of the database."""


class BusyMeter:
    """Tells whether this process has lately used most of a core."""

    def __init__(
        self,
        cpu_ns: Callable[[], int] = time.process_time_ns,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._cpu_ns, self._clock_ns = cpu_ns, clock_ns
        self._last_cpu, self._last_clock = cpu_ns(), clock_ns()
        self._busy = False

    def busy(self) -> bool:
        """Return whether the process was busy in the window that ended last."""
        elapsed = self._clock_ns() - self._last_clock
        if elapsed >= _BUSY_WINDOW_NS:
            used = self._cpu_ns() - self._last_cpu
            self._busy = used > _BUSY_CORES * elapsed
            self._last_cpu += used
            self._last_clock += elapsed
        return self._busy


class GroupWriter(Generic[O]):
    """Runs operations in groups on a thread of its own; used from one event loop.

    Arguments:
        open_session: called on the writing thread; its exception is `start`'s.
        queue_limit: how many operations may wait; further ones are refused.
    """

    def __init__(
        self, open_session: Callable[[], Session[O]], *, queue_limit: int, meter: BusyMeter | None = None
    ) -> None:
        self._open_session = open_session
        self._queue_limit = queue_limit
        self._meter = meter or BusyMeter()
        self._waiting: deque[tuple[O, asyncio.Future[object]]] = deque()
        self._wanted = 1
        self._shared = False  # whether the last group held more than one: otherwise nobody is worth waiting for
        self._wake = threading.Event()
        self._stopping = False
        self._ended: str | None = "the database is not open"  # why nothing is taken; None while it is
        self._cause: BaseException | None = None
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
            self._wake.set()
            await self._finished

    def check(self) -> None:
        """Raise the `StorageError` that an operation submitted now would raise at once."""
        if self._ended is not None:
            raise self._ended_error()
        if len(self._waiting) >= self._queue_limit:
            raise StorageError("overloaded", f"{self._queue_limit} writes are waiting for the database")

    def submit(self, operation: O) -> asyncio.Future[object]:
        """Queue an operation; its future gets the result. Raises `StorageError` as `check` does."""
        self.check()
        future: asyncio.Future[object] = self._loop.create_future()
        self._waiting.append((operation, future))
        # Pairs with _await: there the event is cleared before the queue is counted.
        if len(self._waiting) >= self._wanted and not self._wake.is_set():
            self._wake.set()
        return future

    def _ended_error(self) -> StorageError:
        error = StorageError("storage_unavailable", self._ended or "the database writer ended")
        error.__cause__ = self._cause
        return error

    # -- on the writing thread ---------------------------------------------------------------

    def _work(self, started: asyncio.Future[None]) -> None:
        try:
            session = self._open_session()
        except BaseException as error:  # noqa: BLE001 - it is `start`'s to raise
            self._post(started.set_exception, error)
            return
        self._ended = None
        self._post(started.set_result, None)
        group: _Group[O] = []
        try:
            with contextlib.closing(session):
                while group := self._take():
                    results = session.run([operation for operation, _ in group])
                    self._post(_deliver, [future for _, future in group], results)
        except BaseException as error:  # noqa: BLE001 - whatever ended the thread, nobody may wait for it
            self._cause = error
            self._ended = f"the database writer ended: {type(error).__name__}"
        self._post(self._finish, [future for _, future in group])

    def _take(self) -> _Group[O]:
        """Wait for a group; an empty one means that it is time to stop."""
        group: _Group[O] = []
        while not group and not (self._stopping and not self._waiting):
            self._await(1, None)
            if self._shared and self._meter.busy():
                self._await(_HOLD_FOR, _HOLD_S)
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), _GROUP_LIMIT))]
            # Nobody waits for a cancelled one any more, so it may as well not have been asked.
            group = [waiting for waiting in taken if not waiting[1].cancelled()]
            self._shared = len(group) > 1
        return group

    def _await(self, wanted: int, timeout_s: float | None) -> None:
        self._wanted = wanted
        self._wake.clear()
        if len(self._waiting) < wanted and not self._stopping:
            self._wake.wait(timeout_s)
        self._wanted = 1

    def _post(self, callback: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits for an answer
            self._loop.call_soon_threadsafe(callback, *args)

    # -- on the event loop -------------------------------------------------------------------

    def _finish(self, unanswered: list[asyncio.Future[object]]) -> None:
        unanswered += [future for _, future in self._waiting]
        self._waiting.clear()
        _deliver(unanswered, [self._ended_error() for _ in unanswered])
        self._finished.set_result(None)


def _deliver(futures: Sequence[asyncio.Future[object]], results: Sequence[object]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
