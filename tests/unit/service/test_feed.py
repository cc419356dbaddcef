"""The revocation feed: every watcher ends up with what the database says, in order, whole, and never back in time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest

from delegation.core.attest import open_feed_entry
from delegation.core.revocation import RevocationKind, RevocationState, revocation_key
from delegation.errors import Refused, Revoked, StorageError
from delegation.service import feed_pieces, recent_revocations
from delegation.service.feed import RevocationFeed
from delegation.service.forgetting_clock import MARGIN_MS
from delegation.service.turns import Turns
from delegation.storage.records import RevocationRecord
from support.chains import BUNDLE, NOW_MS, STATEMENTS, some_bytes

HOUR_MS = 3_600_000


def revocation(name: str, *, expires_ms: int = NOW_MS + HOUR_MS) -> RevocationRecord:
    return RevocationRecord("task", some_bytes(name), NOW_MS, expires_ms, "tests", "")


def key_of(name: str) -> frozenset[bytes]:
    return frozenset({revocation_key(RevocationKind.TASK, some_bytes(name))})


@asynccontextmanager
async def running(storage, clock, *, heartbeat_ms: int = 60_000) -> AsyncIterator[RevocationFeed]:
    feed = RevocationFeed(storage, STATEMENTS, now_ms=clock, heartbeat_ms=heartbeat_ms)
    await feed.start()
    try:
        yield feed
    finally:
        await feed.stop()


class Verifier:
    """Follows a watch as a guard does; raises what a guard would."""

    def __init__(self, feed, after_position=0, state=None):
        self.watch = feed.watch(after_position)
        self.state = state or RevocationState()
        self.statements = []

    async def next(self):
        self.statements.append(await asyncio.wait_for(anext(self.watch), 10))
        entry = open_feed_entry(self.statements[-1], BUNDLE, now_ms=NOW_MS)
        self.state.apply(entry, monotonic_ms=0)
        return entry

    async def until(self, position):
        while (self.state.position or 0) < position or self.state.position is None:
            await self.next()
        return self.state


def revoked(state, name) -> bool:
    try:
        state.check(key_of(name))
    except Revoked:
        return True
    return False


async def test_what_was_revoked_before_the_start_is_known_at_the_start(storage, clock):
    await storage.revoke([revocation("before")])
    async with running(storage, clock) as feed:
        assert revoked(feed.state, "before")


async def test_what_is_caught_up_with_is_known_when_catching_up_returns(storage, clock):
    async with running(storage, clock) as feed:
        await feed.catch_up(await storage.revoke([revocation("now")]))
        assert revoked(feed.state, "now")


async def test_a_revocation_by_another_replica_is_followed(storage, clock):
    async with running(storage, clock) as feed:
        watcher = Verifier(feed)
        await watcher.next()
        position = await storage.revoke([revocation("elsewhere")])
        assert revoked(await watcher.until(position), "elsewhere")
        assert revoked(feed.state, "elsewhere")


@pytest.mark.spec("R-12")
async def test_a_snapshot_comes_in_pieces_and_nothing_is_whole_before_the_last(storage, clock, monkeypatch):
    monkeypatch.setattr(feed_pieces, "PIECE_REVOCATIONS", 3)
    names = [f"task {number}" for number in range(8)]
    await storage.revoke([revocation(name) for name in names])
    async with running(storage, clock) as feed:
        watcher = Verifier(feed)
        first = await watcher.next()
        assert (first.snapshot, first.more, watcher.state.position) == (True, True, None)
        await watcher.until(8)
        assert all(revoked(watcher.state, name) for name in names)


async def test_a_snapshot_of_just_so_many_pieces_is_whole_as_well(storage, clock, monkeypatch):
    monkeypatch.setattr(feed_pieces, "PIECE_REVOCATIONS", 2)
    await storage.revoke([revocation(name) for name in "abcd"])
    async with running(storage, clock) as feed:
        assert revoked(await Verifier(feed).until(4), "d")


async def test_what_has_been_forgotten_is_in_no_snapshot(storage, clock):
    await storage.revoke([revocation("over", expires_ms=NOW_MS + 1), revocation("live")])
    clock.now_ms += 2 + MARGIN_MS
    async with running(storage, clock) as feed:
        state = await Verifier(feed).until(2)
        assert not revoked(state, "over")
        assert revoked(state, "live")


@pytest.mark.spec("R-12")
@pytest.mark.parametrize("begin", range(1, 12))
async def test_what_is_in_memory_comes_in_pieces_that_end_where_everybodys_do(storage, clock, monkeypatch, begin):
    monkeypatch.setattr(recent_revocations, "PIECE_POSITIONS", 4)
    async with running(storage, clock) as feed:
        names = [f"task {number}" for number in range(11)]
        await feed.catch_up(await storage.revoke([revocation(name) for name in names]))
        watcher = Verifier(feed, begin)
        watcher.state = RevocationState.nothing_revoked()
        watcher.state.position = begin
        ends = []
        while watcher.state.position < 11:
            ends.append((await watcher.next()).to_position)
        assert ends == [end for end in (4, 8, 11) if end > begin]
        assert [name for name in names if revoked(watcher.state, name)] == names[begin:]


async def test_a_feed_that_has_jumped_ahead_is_caught_up_with_at_once(storage, clock, monkeypatch):
    monkeypatch.setattr(recent_revocations, "PIECE_POSITIONS", 4)
    async with running(storage, clock) as feed:
        watcher = Verifier(feed)
        await watcher.next()
        await storage.rejoin(ahead_of=0, proofs_until_ms=NOW_MS)
        position = await storage.revoke([revocation("later")])
        await feed.catch_up(position)
        assert revoked(await watcher.until(position), "later")
        assert len(watcher.statements) <= 4


@pytest.mark.spec("R-12")
async def test_a_watcher_that_was_away_for_longer_than_memory_lasts_gets_it_from_the_database(
    storage, clock, monkeypatch
):
    monkeypatch.setattr(recent_revocations, "KEPT", 2)
    monkeypatch.setattr(feed_pieces, "PIECE_REVOCATIONS", 3)
    async with running(storage, clock) as feed:
        watcher = Verifier(feed)
        await watcher.next()
        await watcher.watch.aclose()
        names = [f"task {number}" for number in range(10)]
        for name in names:
            await feed.catch_up(await storage.revoke([revocation(name)]))
        again = Verifier(feed, 0 or watcher.state.position, watcher.state)
        again.watch = feed.watch(1)
        again.state.position = 1
        await again.until(10)
        assert all(revoked(again.state, name) for name in names[1:])


async def test_watchers_at_one_position_are_given_the_same_signature(storage, clock):
    async with running(storage, clock) as feed:
        watchers = [Verifier(feed) for _ in range(5)]
        for watcher in watchers:
            await watcher.next()
        position = await storage.revoke([revocation("shared")])
        await feed.catch_up(position)
        for watcher in watchers:
            await watcher.until(position)
        assert len({watcher.statements[-1] for watcher in watchers}) == 1


async def test_who_is_where_many_are_takes_no_turn_and_who_is_elsewhere_does(storage, clock, monkeypatch):
    monkeypatch.setattr(recent_revocations, "PIECE_POSITIONS", 4)
    asked = []

    async def take(turns, caller_id):
        asked.append(caller_id)

    monkeypatch.setattr(Turns, "take", take)
    async with running(storage, clock) as feed:
        following = Verifier(feed)
        await following.next()
        asked.clear()
        for number in range(10):
            await feed.catch_up(await storage.revoke([revocation(f"task {number}")]))
            await following.until(number + 1)
        assert not asked
        for position, turns in ((4, 0), (8, 0), (9, 0), (10, 0)):
            await anext(feed.watch(position, caller_id=f"at {position}"))
            assert len(asked) == turns
        feed._published_lately.clear()  # long ago
        await anext(feed.watch(9, caller_id="elsewhere"))
        await anext(feed.watch(8, caller_id="where pieces begin"))
        assert asked == ["elsewhere"]


async def test_what_one_watcher_was_given_for_itself_is_kept_for_nobody(storage, clock):
    async with running(storage, clock) as feed:
        await feed.catch_up(await storage.revoke([revocation(f"task {number}") for number in range(50)]))
        for position in range(1, 50):
            await anext(feed.watch(position))
        assert len(feed._signed) <= 1


async def test_a_watcher_that_was_given_a_piece_of_its_own_is_then_given_nothing_older(storage, clock):
    async with running(storage, clock, heartbeat_ms=20) as feed:
        await feed.catch_up(await storage.revoke([revocation(f"task {number}") for number in range(5)]))
        watcher = Verifier(feed, 3, RevocationState.nothing_revoked())
        watcher.state.position = 3
        times = [(await watcher.next()).issued_at_ms for _ in range(3)]
        assert times == sorted(times)


async def test_heartbeats_come_without_news(storage, clock):
    async with running(storage, clock, heartbeat_ms=20) as feed:
        watcher = Verifier(feed)
        await watcher.next()
        clock.now_ms += 5
        while (entry := await watcher.next()).issued_at_ms != NOW_MS + 5:  # one that was being made meanwhile
            assert entry.issued_at_ms == NOW_MS
        assert (entry.from_position, entry.to_position, entry.revocations) == (0, 0, ())


async def test_a_clock_that_is_set_back_never_looks_like_a_rollback(storage, clock):
    async with running(storage, clock, heartbeat_ms=20) as feed:
        watcher = Verifier(feed)
        await watcher.next()
        clock.now_ms -= 60_000
        for _ in range(3):
            await watcher.next()


async def test_a_watcher_that_comes_late_is_never_given_a_piece_older_than_what_it_has(storage, clock):
    async with running(storage, clock, heartbeat_ms=20) as feed:
        early = Verifier(feed)
        await early.next()
        await early.next()
        clock.now_ms += 1
        late = Verifier(feed)
        for _ in range(5):
            await late.next()
            await early.next()


async def test_a_watcher_that_comes_from_another_replica_is_never_given_a_piece_older_than_what_it_has(storage, clock):
    """However long ago this one has read the head: else moving from one to the other would look like a rollback."""
    await storage.revoke([revocation("before")])
    async with running(storage, clock) as one, running(storage, clock) as other:
        watcher = Verifier(one)
        await watcher.next()
        for change in (lambda: None, lambda: storage.revoke([revocation("news")])):
            clock.now_ms += 1_900
            position = await (change() or asyncio.sleep(0, watcher.state.position))
            await one.catch_up(position)
            watcher.watch = one.watch(watcher.state.position)
            await watcher.next()
            await watcher.until(position)
            assert watcher.state.issued_at_ms == clock.now_ms
            watcher.watch = other.watch(watcher.state.position)
            assert not (await watcher.next()).snapshot  # nor is it told everything anew
            assert (await watcher.until(position)).position == position


async def test_many_revocations_at_once_reach_every_watcher_exactly(storage, clock):
    async with running(storage, clock) as feed:
        watchers = [Verifier(feed) for _ in range(10)]
        for watcher in watchers:
            await watcher.next()
        names = [f"task {number}" for number in range(200)]
        positions = await asyncio.gather(*(storage.revoke([revocation(name)]) for name in names))
        await feed.catch_up(max(positions))
        for watcher in watchers:
            state = await watcher.until(200)
            assert all(revoked(state, name) for name in names)
            assert len(watcher.statements) < 50  # told together, not one by one


async def test_stopping_ends_following(storage, clock):
    feed = RevocationFeed(storage, STATEMENTS, now_ms=clock)
    await feed.start()
    await feed.stop()
    assert all(task.done() for task in feed._tasks)


async def test_a_piece_cannot_be_altered(storage, clock):
    async with running(storage, clock) as feed:
        statement = await anext(feed.watch(0))
        with pytest.raises(Refused):
            open_feed_entry(statement._replace(payload=statement.payload + b"\x08\x01"), BUNDLE, now_ms=NOW_MS)


async def test_what_another_was_told_before_is_signed_anew_for_who_knows_better(storage, clock):
    async with running(storage, clock) as feed:
        position = await storage.revoke([revocation("now")])
        await feed.catch_up(position)
        early = Verifier(feed, position, state=await Verifier(feed).until(position))
        await early.next()  # a heartbeat, signed for all who are here
        clock.now_ms += 1_000
        await feed.catch_up(position)
        late = Verifier(feed)
        await late.until(position)
        next_word = asyncio.create_task(late.next())
        while not next_word.done():
            feed._wake()
            await asyncio.sleep(0)
        assert next_word.result().issued_at_ms == NOW_MS + 1_000


async def test_whoever_asks_from_a_position_of_his_own_soon_reads_what_all_read(storage, clock, monkeypatch):
    monkeypatch.setattr(feed_pieces, "PIECE_REVOCATIONS", 3)
    monkeypatch.setattr(feed_pieces, "SHARED_FROM", 8)
    await storage.revoke([revocation(f"task {number}") for number in range(50)])
    stored = feed_pieces.StoredFeed(storage)
    ways = {after: [piece.to_position async for piece in stored.pieces(after, NOW_MS)] for after in range(50)}
    for after, way in ways.items():
        assert way[-1] == 50
        met = [position for position in way if position % 8 == 0]
        assert all(position in ways[0] for position in way if met and position >= met[0])
        assert len([position for position in way if position not in ways[0]]) <= 3, after
    assert all(after in ways[0] or after == 0 for after in stored._kept)
    stored.forget()
    stored.forget()
    assert not stored._kept
    assert not stored._kept_bytes


# -- a database that cannot be reached, or is not what it was --------------------------------------------------


async def test_a_replica_that_cannot_read_the_database_says_nothing_more(storage, clock):
    async with running(storage, clock, heartbeat_ms=20) as feed:
        watcher = Verifier(feed)
        await watcher.next()
        await watcher.next()
        await storage.close()
        last = asyncio.create_task(anext(watcher.watch))
        silent, _ = await asyncio.wait({last}, timeout=0.2)  # ten heartbeats; one may have been on its way
        if silent:
            last = asyncio.create_task(anext(watcher.watch))
            silent, _ = await asyncio.wait({last}, timeout=0.2)
        assert not silent
        last.cancel()


@pytest.mark.spec("R-14")
async def test_what_is_signed_is_as_old_as_what_was_read(storage, clock):
    async with running(storage, clock) as feed:
        watcher = Verifier(feed)
        await watcher.next()
        clock.now_ms += 10_000
        assert feed._time() == NOW_MS  # nothing was read since
        await feed.catch_up(await storage.revoke([revocation("now")]))
        assert (await watcher.next()).issued_at_ms == NOW_MS + 10_000


async def test_a_database_that_has_gone_back_ends_every_decision(storage, clock, tmp_path):
    async with running(storage, clock, heartbeat_ms=20) as feed:
        for name in "abc":
            await feed.catch_up(await storage.revoke([revocation(name)]))
        with closing(sqlite3.connect(tmp_path / "service.sqlite3")) as rewound:
            rewound.execute("DELETE FROM revocations WHERE position > 1")
            rewound.execute("UPDATE feed_head SET position = 1")
            rewound.commit()
        with pytest.raises(StorageError, match="gone back"):
            await feed.catch_up(1)
        with pytest.raises(Revoked, match="feed_stale"):
            feed.state.check(key_of("anything"))
        await storage.revoke([revocation("d"), revocation("e"), revocation("f")])
        with pytest.raises(StorageError, match="gone back"):
            await feed.catch_up(4)
        with pytest.raises(StorageError, match="gone back"):
            await anext(feed.watch(0))
