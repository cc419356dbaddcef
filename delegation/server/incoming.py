"""The requests of a stream, read ahead a little, until the client or the server ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, Generic, TypeVar

from delegation.errors import DelegationError

Q = TypeVar("Q")
A = TypeVar("A")


class Incoming(AsyncIterator[Q], Generic[Q]):
    """An iterator over requests that the server can end: what was read is still given out.

    Args:
        requests: As they come in.
        window: At most so many wait to be taken.
        read: Makes a request of what came in; one that it raises for ends the stream after those before it.
        owed_seconds: Charges for a request; the time to wait before the next one is read.
        under_way: Taken once for each request; given back by `answered`, and in the end.
    """

    def __init__(
        self,
        requests: AsyncIterator[bytes],
        window: int,
        *,
        read: Callable[[bytes], Q],
        owed_seconds: Callable[[], float] = lambda: 0.0,
        under_way: asyncio.Semaphore | None = None,
    ) -> None:
        self._read_one = read
        self._owed_seconds = owed_seconds
        self._under_way = under_way
        self._unanswered = 0
        self._waiting: asyncio.Queue[Q | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(window)
        self._failure: BaseException | None = None
        self._reader = asyncio.create_task(self._read(requests))

    def end(self) -> None:
        """Read no further."""
        self._reader.cancel()

    def answered(self) -> None:
        """Count one of the requests as done."""
        if self._under_way is not None and self._unanswered:
            self._unanswered -= 1
            self._under_way.release()

    def over(self) -> None:
        """Read no further, and count all requests as done."""
        self.end()
        while self._under_way is not None and self._unanswered:
            self.answered()

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        coming = aiter(requests)
        try:
            async for request in coming:
                read = self._read_one(request)  # first: what is refused waits for nothing
                await self._admit()
                self._waiting.put_nowait(read)
        except asyncio.CancelledError:
            pass  # ended by the server, or the RPC was cancelled: there is nobody to tell
        except Exception as error:  # noqa: BLE001 - raised where the requests are awaited
            # A refusal says all in its words; its frames would hold the message for as long as nobody asks.
            self._failure = error.with_traceback(None) if isinstance(error, DelegationError) else error
        finally:
            self._waiting.put_nowait(None)
            if isinstance(coming, AsyncGenerator):  # else it holds what came last, until the stream ends
                await coming.aclose()

    async def _admit(self) -> None:
        """Wait until there is room here, and until the caller's share permits one more."""
        await self._room.acquire()
        if self._under_way is not None:
            await self._under_way.acquire()
            self._unanswered += 1
        if owed_seconds := self._owed_seconds():
            await asyncio.sleep(owed_seconds)

    def __aiter__(self) -> Incoming[Q]:
        return self

    async def __anext__(self) -> Q:
        request = await self._waiting.get()
        if request is None:
            self._waiting.put_nowait(None)
            if self._failure is not None:
                raise self._failure
            raise StopAsyncIteration
        self._room.release()
        return request


async def in_order(
    requests: AsyncIterator[Q], answer: Callable[[Q], Coroutine[Any, Any, A]], *, window: int
) -> AsyncIterator[A]:
    """Answer requests side by side, at most `window` at a time; yield the answers in the requests' order."""
    answers: asyncio.Queue[asyncio.Task[A] | None] = asyncio.Queue()
    room = asyncio.Semaphore(window)
    failure: list[Exception] = []

    async def begin() -> None:
        try:
            async for request in requests:
                await room.acquire()
                answers.put_nowait(asyncio.create_task(answer(request)))
        except Exception as error:  # noqa: BLE001 - raised after the answers before it
            failure.append(error)
        finally:
            answers.put_nowait(None)

    beginning = asyncio.create_task(begin())
    try:
        while (task := await answers.get()) is not None:
            result = await task
            room.release()
            yield result
        if failure:
            raise failure[0]
    finally:
        beginning.cancel()
        while not answers.empty():
            if (task := answers.get_nowait()) is not None:
                task.cancel()
