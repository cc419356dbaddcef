"""The revocation feed: the service's own view of what is revoked, and the source of everybody else's.

The database gives positions. Here they are followed into memory, where decisions look, and signed
for watchers: each piece once, however many watch. A watcher that falls behind gets what it missed in
one piece; nothing is queued for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Final, NoReturn

import structlog

from delegation.core.attest import sign_feed_entry
from delegation.core.keys import Signer
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind, RevocationState
from delegation.core.statement import SignedStatement
from delegation.errors import StorageError
from delegation.service.feed_pieces import Piece, StoredFeed
from delegation.service.forgetting_clock import ForgettingClock
from delegation.service.ids import Clock
from delegation.service.recent_revocations import RecentRevocations
from delegation.service.turns import Turns
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage
from delegation.storage.records import RevocationRecord

_LOG: Final = structlog.get_logger("delegation")

_UNAVAILABLE: Final = "storage_unavailable"

DEFAULT_HEARTBEAT_MS: Final = 2_000
LEAST_GATHER_MS: Final = 5
MOST_GATHER_MS: Final = 250
GATHER_MS_EACH: Final = 0.7
"""Between deltas there is this much time for each watcher, four times what telling it costs: many completions a
second must not wake everybody for each. The first after a pause is told at once."""

_SHARED_BEGINNINGS: Final = 16
"""So many of the positions that were published last: whoever is at one of them gets a piece that many get. There is
`GATHER_MS_EACH` between them for each watcher, so all have had their turns before theirs is no longer among them."""

_LOADED_AT_ONCE: Final = 2_000
_RETRY_SECONDS: Final = 0.5
_SWEEP_BEATS: Final = 30
_FORGOTTEN_AT_ONCE: Final = 2_000


class RevocationFeed:
    """Follows the database's feed; tells what is revoked and who has to know."""

    def __init__(
        self,
        storage: Storage,
        signer: Signer,
        *,
        now_ms: Clock,
        forgetting_ms: Clock | None = None,
        heartbeat_ms: int = DEFAULT_HEARTBEAT_MS,
    ) -> None:
        self.state = RevocationState()
        self._storage = storage
        self._signer = signer
        self._now_ms = now_ms
        self._forgetting_ms = forgetting_ms or ForgettingClock(now_ms)
        self._heartbeat_seconds = heartbeat_ms / 1000
        self._stored = StoredFeed(storage)
        self._turns = Turns()
        self._loading = asyncio.Lock()
        self._loads = 0
        self._reading: asyncio.Task[None] | None = None
        self._known_ms = 0
        self._gone_back = False
        self._recent = RecentRevocations()
        self._published = 0
        self._published_lately: deque[int] = deque(maxlen=_SHARED_BEGINNINGS)
        self._signed: dict[tuple[int, int], tuple[int, SignedStatement]] = {}
        self._latest_ms = 0
        self._news = asyncio.Event()
        self._watchers = 0
        self._announced: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def position(self) -> int:
        """The position up to which this process knows the feed."""
        return self.state.position or 0

    async def start(self) -> None:
        """Load what is revoked, then keep following. Raises `StorageError`."""
        self.state.add((), 0)
        await self._load()
        self._published = self.position
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._beat())]

    async def stop(self) -> None:
        """Stop following."""
        tasks = [*self._tasks, *([self._reading] if self._reading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._announced is not None:
            self._announced.cancel()

    async def catch_up(self, position: int) -> None:
        """Return once what was committed up to a position is known here and being told to watchers.

        Raises:
            StorageError: the database cannot be read, or has gone back.
        """
        await self._load()  # even if we are that far: a database that has gone back gives positions anew
        while self.position < position:
            await self._load()

    async def watch(self, after_position: int, *, caller_id: str = "") -> AsyncGenerator[SignedStatement]:
        """Yield signed pieces for one watcher, for ever: what it lacks, then deltas and heartbeats.

        Those who need pieces of their own take turns, caller by caller: it is work, and nobody shall wait for all of
        them.

        Args:
            after_position: what the watcher has.
            caller_id: whose watcher it is.

        Raises:
            StorageError: the database cannot be read, or has gone back.
        """
        if self._gone_back:
            self._lose()
        self._watchers += 1
        try:
            async for statement in self._pieces(after_position, caller_id):
                yield statement
        finally:
            self._watchers -= 1

    async def _pieces(self, after_position: int, caller_id: str) -> AsyncIterator[SignedStatement]:
        await self._reach(after_position)
        # Its first piece is signed anew: what it heard last may be younger than a piece made for others.
        position, told_ms = after_position, self._time()
        if position == 0 or position > self._published:
            async for piece in self._stored.pieces(0, self._forgetting_ms(), lambda: self._turns.take(caller_id)):
                position, told_ms = piece.to_position, self._time()
                yield self._signed_piece(piece, told_ms, snapshot=True)
        elif position == self._published:
            yield self._shared(position, position, not_before_ms=told_ms)
        while True:
            news = self._news
            while position < self._published:
                if self._is_shared(position):
                    upto = self._recent.piece_ends(position, self._published)
                    yield self._shared(position, upto, not_before_ms=told_ms)
                    position = upto
                    continue
                await self._turns.take(caller_id)
                if self._recent.reach(position):
                    piece = self._recent.piece(position, self._recent.piece_ends(position, self._published))
                    position, told_ms = piece.to_position, self._time()
                    yield self._signed_piece(piece, told_ms, snapshot=False)
                    continue
                # It was away for long.
                async for piece in self._stored.pieces(
                    position, self._forgetting_ms(), lambda: self._turns.take(caller_id)
                ):
                    position, told_ms = piece.to_position, self._time()
                    yield self._signed_piece(piece, told_ms, snapshot=False)
            await news.wait()
            if position >= self._published:
                yield self._shared(position, position, not_before_ms=told_ms)

    async def _reach(self, position: int) -> None:
        """Read the head once more for a watcher that begins, and publish what it knows already if it is there.

        It may come from another replica, which has read the head a moment ago. An earlier time would look to it like a
        rollback, and with a position that is not known here it would be told everything anew.
        """
        await self._load()
        while self._published < position <= self.position:
            await self._news.wait()

    # -- following ---------------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Read what is new. Whoever asks while another reads shares the next reading with all who wait."""
        wanted = self._loads + 1
        async with self._loading:
            if self._loads >= wanted:
                return
            self._loads += 1
            before = self.position
            while not await self._read_page():
                pass
        if self.position > before:
            self._announce()

    async def _read_page(self) -> bool:
        """Read a page of what is new; tell whether it was the last one."""
        asked_ms = self._now_ms()
        page = await self._storage.feed(self.position, _LOADED_AT_ONCE)
        if self._gone_back or page.head_position < self.position:
            self._lose()
        self._take(page.entries)
        if len(page.entries) == _LOADED_AT_ONCE:
            return False
        self.state.add((), page.head_position)
        self._known_ms = max(self._known_ms, asked_ms)
        return True

    def _lose(self) -> NoReturn:
        """Decide nothing any more: others may have been told what this database does not know, and the other way round.

        Raises:
            StorageError: always.
        """
        if not self._gone_back:
            self._gone_back = True
            self.state.lose()
            _LOG.error("the database has gone back", do="delegation db acknowledge-rollback, then restart")
        raise StorageError(_UNAVAILABLE, "the database has gone back behind what this process knows: see the log")

    def _take(self, entries: Iterable[RevocationRecord]) -> None:
        for record in entries:
            revocation = Revocation(RevocationKind(record.kind), record.id, record.expires_ms)
            self._recent.add(record.position, revocation)
            self.state.add((revocation,), record.position)

    async def _follow(self) -> None:
        while True:
            try:
                await self._storage.feed_beyond(self.position)
                await self._load()
            except StorageError:
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - following must go on, whatever happens
                log_unexpected("following the revocation feed", error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _beat(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            beats += 1
            if beats % _SWEEP_BEATS == 0:
                self._stored.forget()
                await self._forget()
            if not await self._has_read():
                continue  # a replica that hears nothing has nothing to say: watchers go elsewhere, or grow stale
            # What was signed before may be as old as a beat, and no older: watchers judge by its time.
            self._signed.clear()
            self._wake()

    async def _has_read(self) -> bool:
        """Read the head of the feed; tell whether that was done within a beat."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._load())
        await asyncio.wait({self._reading}, timeout=self._heartbeat_seconds)  # not cancelled: it holds a connection
        if not self._reading.done():
            return False
        error = self._reading.exception()
        if error is not None and not isinstance(error, StorageError):
            log_unexpected("reading the head of the revocation feed", error)
        return error is None

    async def _forget(self) -> None:
        now_ms, more = self._forgetting_ms(), True
        while more:
            more = self.state.forget(now_ms, most=_FORGOTTEN_AT_ONCE) == _FORGOTTEN_AT_ONCE
            await asyncio.sleep(0)  # others have their turn

    # -- telling -----------------------------------------------------------------------------------------

    def _announce(self) -> None:
        """Wake the watchers: at once after a pause, else when enough time has gone by for many at once."""
        if self._announced is not None:
            return
        self._wake()
        loop = asyncio.get_running_loop()
        gather_ms = min(MOST_GATHER_MS, max(LEAST_GATHER_MS, GATHER_MS_EACH * self._watchers))
        self._announced = loop.call_later(gather_ms / 1000, self._gathered)

    def _gathered(self) -> None:
        self._announced = None
        if self._published < self.position:
            self._announce()

    def _wake(self) -> None:
        if self._published < self.position:
            self._published_lately.append(self._published)
            self._published = self.position
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _is_shared(self, position: int) -> bool:
        """Tell whether many are at a position, so that what follows it is put together once for all of them."""
        if not self._recent.reach(position):
            return False
        return position in self._published_lately or self._recent.begins_piece(position)

    def _signed_piece(self, piece: Piece, issued_at_ms: int, *, snapshot: bool) -> SignedStatement:
        more = snapshot and piece.more
        entry = FeedEntry(piece.from_position, piece.to_position, issued_at_ms, snapshot, more, ())
        return sign_feed_entry(entry, self._signer, piece.revocations)

    def _shared(self, position: int, upto: int, *, not_before_ms: int) -> SignedStatement:
        """Sign a piece from memory, or give the one that another watcher at the same position was just given."""
        signed_ms, statement = self._signed.get((position, upto), (0, None))
        if statement is None or signed_ms < not_before_ms:
            issued_at_ms = self._time()
            statement = self._signed_piece(self._recent.piece(position, upto), issued_at_ms, snapshot=False)
            self._signed[position, upto] = (issued_at_ms, statement)
        return statement

    def _time(self) -> int:
        """Tell as of when the feed is known, never an earlier time than before: to a verifier that would be a rollback.

        It is the time before the head was last read. What is signed now says nothing about later.
        """
        self._latest_ms = max(self._latest_ms, self._known_ms)
        return self._latest_ms
