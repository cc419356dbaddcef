"""What becomes of open requests for approval, for whoever watches: followed in the database once, however many watch.

What this replica does is looked at once more at once; what others do, within a second. Nothing is queued for a watcher:
each goes through what has changed since it was told last, and one that has fallen far behind through all that is open.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from delegation.errors import StorageError
from delegation.service.ids import Clock
from delegation.service.unexpected import log_unexpected
from delegation.storage.approvals import ApprovalAnswerRecord, ApprovalRequestRecord
from delegation.storage.port import Storage

FOLLOWED: Final = 2_048
"""So many of the requests that can be answered are followed, the newest; lists have the others."""

LOOK_SECONDS: Final = 1.0
_GATHER_SECONDS: Final = 0.05
_READ_AT_ONCE: Final = 128


class Known(NamedTuple):
    """A request as it was when it changed last, and its answers."""

    record: ApprovalRequestRecord
    answers: tuple[ApprovalAnswerRecord, ...]


class ApprovalNews:
    """Follows the requests that can be answered, as long as anybody watches.

    Args:
        storage: where they are.
        now_ms: the time.
        look_seconds: how often it looks at what other replicas have done.

    Attributes:
        open: those that can be answered, by their ids.
        looks: how often it has looked and found out; what did not grow is old.
        number: of the last change.
    """

    def __init__(self, storage: Storage, *, now_ms: Clock, look_seconds: float = LOOK_SECONDS) -> None:
        self.open: dict[bytes, Known] = {}
        self.looks = 0
        self.number = 0
        self._storage = storage
        self._now_ms = now_ms
        self._look_seconds = look_seconds
        self._over: OrderedDict[bytes, Known] = OrderedDict()
        self._changes: deque[bytes] = deque(maxlen=FOLLOWED)
        self._watchers = 0
        self._following: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._poked = asyncio.Event()
        self._looked = asyncio.Event()

    def note(self) -> None:
        """Look soon: something has changed here."""
        self._poked.set()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Follow for as long as this lasts. Raises `StorageError` if what is open cannot be read at the beginning."""
        self._watchers += 1
        try:
            async with self._beginning:
                if self._following is None:
                    await self._look()
                    self._following = asyncio.create_task(self._follow())
            yield
        finally:
            self._watchers -= 1
            if self._watchers == 0 and self._following is not None:
                self._following.cancel()
                self._following = None
                self.open.clear()
                self._over.clear()

    async def next_look(self, timeout_s: float) -> None:
        """Wait until it has looked again, or so long."""
        looked = self._looked
        try:
            async with asyncio.timeout(timeout_s):
                await looked.wait()
        except TimeoutError:
            return

    def changed_after(self, number: int) -> list[bytes] | None:
        """Give the requests that changed after a change, in their order; None: there were too many to remember."""
        behind = self.number - number
        if behind > len(self._changes):
            return None
        return list(self._changes)[len(self._changes) - behind :] if behind else []

    async def over(self, request_id: bytes) -> Known | None:
        """Give a request that cannot be answered any more; None if it is not there. Raises `StorageError`."""
        if request_id not in self._over:
            for known in await self._read([request_id]):
                self._end(known)
        return self._over.get(request_id)

    # -- following

    async def _follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._look_seconds):
                    await self._poked.wait()
                await asyncio.sleep(_GATHER_SECONDS)
            except TimeoutError:
                pass
            self._poked.clear()
            try:
                await self._look()
            except StorageError:
                continue  # there is no heartbeat meanwhile: watchers go elsewhere
            except Exception as error:  # noqa: BLE001 - following must go on, whatever happens
                log_unexpected("following requests for approval", error)

    async def _look(self) -> None:
        now = dict(await self._storage.open_approvals(self._now_ms(), limit=FOLLOWED))
        new = [each for each in reversed(now) if each not in self.open or len(self.open[each].answers) != now[each]]
        gone = [each for each in self.open if each not in now]
        for known in await self._read([*new, *gone]):
            request_id = known.record.request_id
            if request_id in now:
                self.open[request_id] = known
            else:
                self.open.pop(request_id, None)
                self._end(known)
            self._changes.append(request_id)
            self.number += 1
        self.looks += 1
        looked, self._looked = self._looked, asyncio.Event()
        looked.set()

    def _end(self, known: Known) -> None:
        self._over[known.record.request_id] = known
        if len(self._over) > FOLLOWED:
            self._over.popitem(last=False)

    async def _read(self, request_ids: Collection[bytes]) -> list[Known]:
        found: dict[bytes, Known] = {}
        for some in _batches(list(request_ids)):
            answers = await self._storage.answers_of_approvals(some)
            for record in await self._storage.approvals_of(some):
                found[record.request_id] = Known(record, answers[record.request_id])
        return [found[request_id] for request_id in request_ids if request_id in found]


def _batches(request_ids: list[bytes]) -> Iterable[list[bytes]]:
    for start in range(0, len(request_ids), _READ_AT_ONCE):
        yield request_ids[start : start + _READ_AT_ONCE]
