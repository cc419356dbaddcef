"""The watcher against a feed that the test writes, entry by entry."""

from __future__ import annotations

import contextlib
import queue
import threading

import pytest

from delegation.core.attest import sign_feed_entry
from delegation.core.keys import SigningKey
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind, revocation_key
from delegation.core.trust import KeyPurpose, KeyState, TrustBundle, TrustedKey
from delegation.errors import ConfigError, Refused, ServiceUnavailable
from delegation_sdk.feed import CLOCKS_DIFFER_MS, FeedWatcher

TASK = bytes(16)


class Feed:
    """Streams that say what the test puts into them; each opening is told."""

    def __init__(self, clock):
        self.key = SigningKey(bytes(31) + b"\x05")
        self.opened = queue.SimpleQueue()
        self.trust_failures = []
        self.keys = (TrustedKey(KeyPurpose.STATEMENT, self.key.public, 1),)
        self.after_refresh = None
        self._clock = clock

    def open(self, after_position):
        stream = Stream()
        self.opened.put((after_position, stream))
        return stream

    def next_opening(self):
        return self.opened.get(timeout=10)

    def entry(self, *, since, until, snapshot=False, more=False, revoked=(), key=None):
        revocations = tuple(Revocation(RevocationKind.TASK, each, self._clock.now_ms + 1) for each in revoked)
        entry = FeedEntry(since, until, self._clock.now_ms, snapshot, more, revocations)
        return sign_feed_entry(entry, key or self.key)

    def bundle(self):
        return TrustBundle("test.example", 1, self._clock.now_ms, self._clock.now_ms + 10_000_000, self.keys)

    def refresh(self):
        if self.trust_failures:
            raise self.trust_failures.pop(0)
        self.keys = self.after_refresh or self.keys


class Stream:
    def __init__(self):
        self.said = queue.SimpleQueue()
        self.cancelled = threading.Event()

    def say(self, *entries):
        for entry in entries:
            self.said.put(entry)

    def next(self, timeout_s):
        if self.cancelled.is_set():
            raise ServiceUnavailable("cancelled")
        try:
            said = self.said.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(said, Exception):
            raise said
        return said

    def cancel(self):
        self.cancelled.set()
        self.said.put(ServiceUnavailable("cancelled"))


@pytest.fixture
def feed(clock):
    return Feed(clock)


@pytest.fixture
def watcher(feed, clock):
    watcher = FeedWatcher(feed, feed.bundle, refresh_trust=feed.refresh, sources=clock.sources(), silence_s=1.0)
    watcher.start()
    yield watcher
    watcher.close()


def fresh(watcher, clock):
    watcher.state.require_fresh(60_000, now_ms=clock.now_ms, monotonic_ms=clock.monotonic_ms)


def wait_until_fresh(watcher, clock):
    while True:
        with contextlib.suppress(Refused):
            return fresh(watcher, clock)


def wait_for_position(watcher, position):
    while watcher.state.position != position:
        pass


@pytest.mark.spec("R-7")
def test_a_snapshot_in_pieces_is_known_when_it_is_whole(watcher, feed, clock):
    after, stream = feed.next_opening()
    assert after == 0
    stream.say(feed.entry(since=0, until=1, snapshot=True, more=True, revoked=[TASK]))
    assert not watcher.wait_until_known(0.1)
    with pytest.raises(Refused, match="feed_stale"):
        fresh(watcher, clock)

    stream.say(feed.entry(since=1, until=2, snapshot=True, revoked=[bytes([1]) * 16]))
    assert watcher.wait_until_known(10)
    fresh(watcher, clock)
    with pytest.raises(Refused, match="task_ended"):
        watcher.state.check(frozenset({revocation_key(RevocationKind.TASK, TASK)}))


def test_a_broken_stream_goes_on_where_it_was(watcher, feed):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True), ServiceUnavailable("gone"))

    after, stream = feed.next_opening()
    assert after == 3
    stream.say(feed.entry(since=3, until=4, revoked=[TASK]))
    wait_for_position(watcher, 4)


@pytest.mark.spec("R-6", "R-8")
@pytest.mark.parametrize(
    "wrong",
    [{"since": 5, "until": 6}, {"since": 1, "until": 2}],
    ids=["a gap", "a step back"],
)
def test_what_does_not_follow_is_refused_and_a_snapshot_asked_for(watcher, feed, wrong):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True), feed.entry(**wrong))

    after, stream = feed.next_opening()
    assert after == 0
    assert watcher.state.position == 3
    stream.say(feed.entry(since=0, until=7, snapshot=True))
    wait_for_position(watcher, 7)


@pytest.mark.spec("R-6")
def test_a_snapshot_from_before_what_is_known_is_refused(watcher, feed):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True, revoked=[TASK]), ServiceUnavailable("gone"))
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=2, snapshot=True))

    feed.next_opening()
    assert watcher.state.position == 3
    with pytest.raises(Refused, match="task_ended"):
        watcher.state.check(frozenset({revocation_key(RevocationKind.TASK, TASK)}))


@pytest.mark.spec("R-5", "R-8")
def test_an_entry_of_an_untrusted_key_is_refused(watcher, feed):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True, key=SigningKey(bytes(32))))

    after, _ = feed.next_opening()
    assert after == 0
    assert watcher.state.position is None


@pytest.mark.spec("R-8")
@pytest.mark.parametrize("wrong", [{"since": 5, "until": 6}, {"since": 3, "until": 3, "key": SigningKey(bytes(32))}])
def test_after_a_refused_entry_nothing_passes_before_a_whole_snapshot(watcher, feed, clock, wrong):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True))
    wait_until_fresh(watcher, clock)
    stream.say(feed.entry(**wrong))

    after, stream = feed.next_opening()
    assert after == 0
    with pytest.raises(Refused, match="feed_stale"):
        fresh(watcher, clock)
    stream.say(feed.entry(since=0, until=4, snapshot=True))
    wait_until_fresh(watcher, clock)


def test_a_silent_stream_is_dead(watcher, feed):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True))

    after, _ = feed.next_opening()
    assert stream.cancelled.is_set()
    assert after == 3


def test_heartbeats_keep_it_young(watcher, feed, clock):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True))
    assert watcher.wait_until_known(10)
    clock.pass_ms(61_000)
    with pytest.raises(Refused, match="feed_stale"):
        fresh(watcher, clock)

    stream.say(feed.entry(since=3, until=3))
    while watcher.state.issued_at_ms != clock.now_ms:
        pass
    fresh(watcher, clock)


@pytest.mark.spec("R-6")
def test_a_heartbeat_of_a_replica_whose_clock_is_a_little_behind_is_passed_over_and_makes_nothing_younger(
    watcher, feed, clock
):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True), ServiceUnavailable("gone"))
    told_ms = clock.now_ms
    _, stream = feed.next_opening()
    clock.now_ms = told_ms - CLOCKS_DIFFER_MS
    stream.say(feed.entry(since=3, until=3))
    clock.now_ms = told_ms + 1
    stream.say(feed.entry(since=3, until=4))
    wait_for_position(watcher, 4)
    assert watcher.state.issued_at_ms == told_ms + 1
    assert feed.opened.empty()
    fresh(watcher, clock)

    clock.now_ms -= CLOCKS_DIFFER_MS + 1
    stream.say(feed.entry(since=4, until=4))
    after, _ = feed.next_opening()  # that is a rollback: it begins anew, elsewhere
    assert after == 0
    with pytest.raises(Refused, match="feed_stale"):
        fresh(watcher, clock)


@pytest.mark.spec("R-6")
def test_what_adds_something_is_never_passed_over(watcher, feed, clock):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True))
    clock.now_ms -= 1
    stream.say(feed.entry(since=3, until=4, revoked=[TASK]))
    assert feed.next_opening()[0] == 0
    assert watcher.state.is_interrupted


def test_the_watcher_outlives_a_defect(watcher, feed):
    _, stream = feed.next_opening()
    stream.say(ValueError("a defect"))
    feed.trust_failures = [RuntimeError("another"), ServiceUnavailable("gone")]

    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=1, snapshot=True))
    assert watcher.wait_until_known(10)


def test_an_outage_is_told_once_and_so_is_the_next(watcher, feed, caplog):
    _, stream = feed.next_opening()
    stream.say(ServiceUnavailable("gone"))
    feed.trust_failures = [ServiceUnavailable("gone"), ServiceUnavailable("gone")]
    _, stream = feed.next_opening()
    told = ["revocation feed interrupted, trying again: gone"]
    assert caplog.messages == told

    stream.say(feed.entry(since=0, until=1, snapshot=True), ServiceUnavailable("gone"))
    feed.next_opening()
    assert caplog.messages == told * 2


def test_closing_ends_the_stream(watcher, feed):
    _, stream = feed.next_opening()
    watcher.close()

    assert stream.cancelled.is_set()


# -- keys that change


def test_an_entry_by_a_key_that_a_newer_bundle_lists_is_taken_without_an_interruption(watcher, feed, clock):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=3, snapshot=True))
    wait_until_fresh(watcher, clock)
    newer = SigningKey(bytes(31) + b"\x07")
    feed.after_refresh = (*feed.keys, TrustedKey(KeyPurpose.STATEMENT, newer.public, 1))
    stream.say(feed.entry(since=3, until=4, revoked=[TASK], key=newer))
    wait_for_position(watcher, 4)
    assert feed.opened.empty(), "the stream goes on"


@pytest.mark.spec("R-13")
def test_what_a_compromised_key_has_signed_is_forgotten_with_its_position(watcher, feed, clock):
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=1_000_000, snapshot=True))
    wait_until_fresh(watcher, clock)
    lost, feed.key = feed.key, SigningKey(bytes(31) + b"\x07")
    gone = TrustedKey(KeyPurpose.STATEMENT, lost.public, 1, state=KeyState.COMPROMISED, compromised_at_ms=1)
    feed.after_refresh = (gone, TrustedKey(KeyPurpose.STATEMENT, feed.key.public, 1))
    stream.say(feed.entry(since=1_000_000, until=1_000_000))
    after, stream = feed.next_opening()
    assert after == 0
    stream.say(feed.entry(since=0, until=3, snapshot=True, revoked=[TASK]))
    wait_for_position(watcher, 3)
    with pytest.raises(Refused, match="task_ended"):
        watcher.state.check(frozenset({revocation_key(RevocationKind.TASK, TASK)}))


@pytest.mark.spec("R-13")
@pytest.mark.parametrize("position", [3, 1_000_000], ids=["that left something out", "that said too much"])
def test_a_thief_is_not_believed_because_an_honest_piece_came_after_his(watcher, feed, clock, position):
    honest = SigningKey(bytes(31) + b"\x07")
    stolen = feed.keys[0]
    feed.keys = (stolen, TrustedKey(KeyPurpose.STATEMENT, honest.public, 1))
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=position, snapshot=True))
    wait_until_fresh(watcher, clock)
    stream.say(feed.entry(since=3, until=3, key=honest))
    if position != 3:
        _, stream = feed.next_opening()
    gone = stolen._replace(state=KeyState.COMPROMISED, compromised_at_ms=1)
    feed.keys = (gone, feed.keys[1])
    stream.say(feed.entry(since=3, until=3, key=honest))
    after, stream = feed.next_opening()
    assert after == 0
    stream.say(feed.entry(since=0, until=3, snapshot=True, revoked=[TASK], key=honest))
    wait_for_position(watcher, 3)
    with pytest.raises(Refused, match="task_ended"):
        watcher.state.check(frozenset({revocation_key(RevocationKind.TASK, TASK)}))


def test_a_bundle_that_cannot_be_kept_is_no_reason_to_go_without_a_feed(watcher, feed, clock):
    feed.trust_failures = [ConfigError("the disk is full")] * 3
    _, stream = feed.next_opening()
    stream.say(ServiceUnavailable("gone"))
    _, stream = feed.next_opening()
    stream.say(feed.entry(since=0, until=1, snapshot=True))
    wait_until_fresh(watcher, clock)


@pytest.mark.spec("R-14")
def test_a_piece_by_a_clock_that_is_far_ahead_makes_nothing_fresh(watcher, feed, clock):
    _, stream = feed.next_opening()
    clock.now_ms += 60_001
    ahead = feed.entry(since=0, until=1, snapshot=True)
    clock.now_ms -= 60_001
    stream.say(ahead)

    after, stream = feed.next_opening()
    assert (after, watcher.state.position) == (0, None)
    clock.now_ms += 60_000
    soon = feed.entry(since=0, until=1, snapshot=True)
    clock.now_ms -= 60_000
    stream.say(soon)
    assert watcher.wait_until_known(10)
