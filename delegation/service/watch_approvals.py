"""WatchApprovals: the requests that a caller may see and that can be answered, and each change of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from delegation.core.approval_request import ApprovalRequest, ApprovalState
from delegation.errors import NotFound
from delegation.identity.port import Caller
from delegation.service.approval_news import ApprovalNews, Known
from delegation.service.approval_records import may_see, told
from delegation.service.ids import Clock
from delegation.storage.port import Storage

HEARTBEAT_SECONDS: Final = 2.0
_IN_A_ROW: Final = 64
"""Looked at before others have their turn."""


class WatchApprovals:
    """Tells watchers.

    Args:
        storage: for requests that are not followed.
        news: what becomes of those that are.
        now_ms: the time.
        heartbeat_seconds: how long nothing is said at most, as long as the database can be read.
    """

    def __init__(
        self, storage: Storage, news: ApprovalNews, *, now_ms: Clock, heartbeat_seconds: float = HEARTBEAT_SECONDS
    ) -> None:
        self._storage = storage
        self._news = news
        self._now_ms = now_ms
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, caller: Caller, *, task_id: bytes | None) -> AsyncGenerator[ApprovalRequest | None]:
        """Yield each request, then each as it has changed; None in between: everything up to now was told.

        A request is told of until it cannot be answered any more: how that came is the last of it.

        Args:
            caller: sees no others than those that it could get.
            task_id: of this task only; None: of all.

        Raises:
            StorageError: the requests cannot be read at the beginning.
        """
        news, told_open = self._news, set[bytes]()

        def concerns(known: Known) -> bool:
            return task_id in (None, known.record.task_id) and may_see(caller, known.record)

        async with news.watched():
            number = -1
            while True:
                changed = None if number < 0 else news.changed_after(number)
                number, looks = news.number, news.looks
                if changed is None:  # all that is open, and what is not any more of what was told
                    changed = [*news.open, *(each for each in told_open if each not in news.open)]
                for place, request_id in enumerate(changed):
                    if place % _IN_A_ROW == _IN_A_ROW - 1:
                        await asyncio.sleep(0)
                    known = news.open.get(request_id)
                    if known is not None and concerns(known):
                        told_open.add(request_id)
                        yield self._told(known)
                    elif known is None and request_id in told_open:
                        told_open.discard(request_id)
                        over = await news.over(request_id)
                        if over is not None:
                            yield self._told(over)
                yield None
                await self._wait(looks, number)

    async def one(self, caller: Caller, request_id: bytes) -> AsyncGenerator[ApprovalRequest | None]:
        """Yield one request as it is, and as it has changed until it cannot be answered any more.

        Raises:
            NotFound: there is none, or not for this caller.
            StorageError: it cannot be read.
        """
        news, before = self._news, None
        async with news.watched():
            while True:
                looks, number = news.looks, news.number
                known = news.open.get(request_id) or await self._read(request_id)
                if not may_see(caller, known.record):
                    raise NotFound("no such request for approval, or not for this caller to see")
                request = self._told(known)
                yield request if request != before else None
                if request.state is not ApprovalState.PENDING:
                    return
                before = request
                await self._wait(looks, number)

    async def _read(self, request_id: bytes) -> Known:
        record = await self._storage.approval_request(request_id)
        if record is None:
            raise NotFound("no such request for approval, or not for this caller to see")
        return Known(record, await self._storage.approval_answers(request_id))

    async def _wait(self, looks: int, number: int) -> None:
        """Wait until something has changed, or for a heartbeat: and then for a look that has found nothing new."""
        end = asyncio.get_running_loop().time() + self._heartbeat_seconds
        while self._news.number == number:
            left = end - asyncio.get_running_loop().time()
            if left <= 0 and self._news.looks > looks:
                return
            await self._news.next_look(max(left, self._heartbeat_seconds / 4))

    def _told(self, known: Known) -> ApprovalRequest:
        return told(known.record, known.answers, now_ms=self._now_ms(), with_arguments=False)
