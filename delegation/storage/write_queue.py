"""What waits to be written, and how much of it is taken at a time.

An idle writer begins at once; what arrives while it commits shares the next commit. While the
process is busy with several callers a writer also holds a group open for a moment: each commit costs
processor time that the other work then wants, so fewer, larger groups serve everybody better.

This module knows neither SQL nor threads. `group_writer` empties the queue for SQLite, `postgres.writer`
for PostgreSQL.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from delegation.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BUSY_CORES: Final = 0.75  # of one core: above it, holding a group costs less than another commit
_BUSY_WINDOW_NS: Final = 20_000_000  # shorter windows measure the clock's ticks
_ALONE_AFTER: Final = 8
"""Groups of one in a row, after which nobody else is expected any more."""
GROUP_LIMIT: Final = 256
"""Operations, so that no group makes the next one wait long."""

O = TypeVar("O")  # noqa: E741
Group = list[tuple[O, asyncio.Future[object]]]


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


class WriteQueue(Generic[O]):
    """Operations in the order in which they came, each with the future of its result.

    Arguments:
        queue_limit: how many operations may wait; further ones are refused.
        group_limit: how many are taken at a time.
    """

    def __init__(self, *, queue_limit: int, group_limit: int = GROUP_LIMIT, meter: BusyMeter | None = None) -> None:
        self._queue_limit = queue_limit
        self._group_limit = group_limit
        self._meter = meter or BusyMeter()
        self._waiting: deque[tuple[O, asyncio.Future[object]]] = deque()
        self._company = 0  # how many more groups are worth holding: none, where each of late held just one operation
        self._stopping = False
        self._ended: str | None = "the database is not open"  # why nothing is taken; None while it is
        self._cause: BaseException | None = None

    @property
    def depth(self) -> int:
        """How many operations wait."""
        return len(self._waiting)

    def check(self) -> None:
        """Raise the `StorageError` that an operation submitted now would raise at once."""
        if self._ended is not None:
            raise self._ended_error()
        if len(self._waiting) >= self._queue_limit:
            raise StorageError("overloaded", f"{self._queue_limit} writes are waiting for the database")

    def _worth_holding(self) -> bool:
        return self._company > 0 and self._meter.busy()

    def _pop(self) -> Group[O]:
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._group_limit))]
        # Nobody waits for a cancelled one any more, so it may as well not have been asked.
        group = [waiting for waiting in taken if not waiting[1].cancelled()]
        self._company = _ALONE_AFTER if len(group) > 1 else max(0, self._company - 1)
        return group

    def _ended_error(self) -> StorageError:
        error = StorageError("storage_unavailable", self._ended or "the database writer ended")
        error.__cause__ = self._cause
        return error

    def _fail(self, unanswered: list[asyncio.Future[object]]) -> None:
        unanswered += [future for _, future in self._waiting]
        self._waiting.clear()
        deliver(unanswered, [self._ended_error() for _ in unanswered])


def deliver(futures: Sequence[asyncio.Future[object]], results: Sequence[object]) -> None:
    """Give each future its result, or the exception that is its result."""
    for future, result in zip(futures, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
