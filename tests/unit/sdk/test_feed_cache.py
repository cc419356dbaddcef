"""The feed in a file: a guard that starts while the service is away goes on with what is signed, whole and fresh."""

from __future__ import annotations

import os
import stat
import struct

import pytest

from delegation.core.attest import sign_feed_entry
from delegation.core.codec import encode_statement
from delegation.core.keys import SigningKey
from delegation.core.revocation import FeedEntry, Revocation, RevocationKind
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import ConfigError, Reason, Refused, Revoked, ServiceUnavailable
from delegation_sdk import Scope, any_call
from delegation_sdk.feed import FeedAges
from delegation_sdk.feed_cache import FILE, FeedCache
from delegation_sdk.testing import Authority

KEY = SigningKey(bytes(31) + b"\x05")
PATH = {"path": "/srv/a"}
HEAD = struct.Struct(">I8sQQ")
MAGIC = b"delegation revocation feed 1\n"


def entry(since, until, *names, snapshot=False, more=False, at_ms=1_800_000_000_000):
    revoked = tuple(Revocation(RevocationKind.TASK, name.encode().ljust(16), at_ms + 1) for name in names)
    return FeedEntry(since, until, at_ms, snapshot, more, revoked)


def keep(cache, *entries, now_ms=1_800_000_000_000, monotonic_ms=5_000):
    for each in entries:
        cache.keep(sign_feed_entry(each, KEY), each, now_ms=now_ms, monotonic_ms=monotonic_ms)


def kept(directory):
    cache = FeedCache(directory)
    try:
        return [kept.statement for kept in cache.load()]
    finally:
        cache.close()


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


SNAPSHOT, DELTA, BEAT = entry(0, 1, "a", snapshot=True), entry(1, 2, "b"), entry(2, 2)


# -- the file ------------------------------------------------------------------------------------------------


def test_what_is_kept_is_read_back_in_order(tmp_path):
    cache = FeedCache(tmp_path / "cache")
    keep(cache, SNAPSHOT, DELTA, BEAT)
    cache.close()
    assert kept(tmp_path / "cache") == [sign_feed_entry(each, KEY) for each in (SNAPSHOT, DELTA, BEAT)]


def test_nobody_else_may_read_it(tmp_path):
    cache = FeedCache(tmp_path / "cache")
    keep(cache, SNAPSHOT)
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "cache" / FILE).stat().st_mode) == 0o600
    (tmp_path / "cache" / FILE).chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        list(cache.load())


def test_a_snapshot_replaces_what_was_kept_when_it_is_whole(tmp_path):
    cache = FeedCache(tmp_path)
    keep(cache, SNAPSHOT, DELTA)
    keep(cache, entry(0, 5, "c", snapshot=True, more=True))
    assert len(kept(tmp_path)) == 2
    keep(cache, entry(5, 6, "d", snapshot=True))
    assert [len(each.payload) for each in kept(tmp_path)] == [
        len(sign_feed_entry(each, KEY).payload)
        for each in (entry(0, 5, "c", snapshot=True, more=True), entry(5, 6, "d", snapshot=True))
    ]


def test_nothing_is_kept_before_a_whole_snapshot(tmp_path):
    cache = FeedCache(tmp_path)
    keep(cache, DELTA, entry(0, 5, snapshot=True, more=True))
    cache.close()
    assert kept(tmp_path) == []
    assert names_in(tmp_path) == [f"{FILE}.lock"]


@pytest.mark.parametrize("lost", [1, 60, 150])
def test_a_tail_that_was_cut_off_is_left_out_and_written_over(tmp_path, lost):
    cache = FeedCache(tmp_path)
    keep(cache, SNAPSHOT, DELTA)
    cache.close()
    path = tmp_path / FILE
    os.truncate(path, path.stat().st_size - lost)

    cache = FeedCache(tmp_path)
    assert [each.statement for each in cache.load()] == [sign_feed_entry(SNAPSHOT, KEY)]
    cache.resume()
    keep(cache, BEAT)
    cache.close()
    assert kept(tmp_path) == [sign_feed_entry(each, KEY) for each in (SNAPSHOT, BEAT)]


@pytest.mark.parametrize("content", [b"", b"something else", MAGIC, MAGIC + b"\xff" * 100, MAGIC + bytes(28)])
def test_a_file_that_is_none_holds_nothing(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    (tmp_path / FILE).chmod(0o600)
    assert kept(tmp_path) == []


def test_a_second_guard_reads_and_does_not_write(tmp_path):
    first, second = FeedCache(tmp_path), FeedCache(tmp_path)
    keep(first, SNAPSHOT)
    keep(second, entry(0, 9, snapshot=True))
    assert [each.statement for each in second.load()] == [sign_feed_entry(SNAPSHOT, KEY)]


def test_a_new_snapshot_takes_the_place_of_a_long_tail_and_what_came_meanwhile_follows_it(tmp_path):
    cache = FeedCache(tmp_path, renew_from_bytes=1)
    keep(cache, SNAPSHOT)
    number = 1
    while not cache.is_long:
        keep(cache, entry(number, number + 1, str(number)))
        number += 1
    whole, after = entry(0, number, "x", snapshot=True), entry(number, number + 1, "y")

    def pieces():
        keep(cache, entry(number - 1, number, "before"))
        yield sign_feed_entry(whole, KEY), whole, 1, 1
        keep(cache, after)

    cache.renew(pieces())
    assert kept(tmp_path)[0] == sign_feed_entry(whole, KEY)
    assert kept(tmp_path)[-1] == sign_feed_entry(after, KEY)
    keep(cache, BEAT)
    assert kept(tmp_path)[-1] == sign_feed_entry(BEAT, KEY)
    assert not cache.is_long


def test_a_renewal_that_fails_leaves_what_is_kept(tmp_path):
    cache = FeedCache(tmp_path)
    keep(cache, SNAPSHOT, DELTA)

    def pieces():
        yield sign_feed_entry(SNAPSHOT, KEY), SNAPSHOT, 1, 1
        raise ServiceUnavailable("gone")

    with pytest.raises(ServiceUnavailable):
        cache.renew(pieces())
    assert len(kept(tmp_path)) == 2
    assert names_in(tmp_path) == [FILE, f"{FILE}.lock"]


def test_a_disk_that_fails_is_told_of_and_the_guard_goes_on(tmp_path, caplog):
    cache = FeedCache(tmp_path / "cache")
    keep(cache, SNAPSHOT)
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    (tmp_path / "cache").rmdir()
    keep(cache, SNAPSHOT, DELTA)
    assert [message for message in caplog.messages if "not kept any more" in message]


# -- a guard that starts again -------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def stopped(authority, cache, task):
    """A guard has run with this cache and was stopped; then the service went away."""
    guard = authority.guard_for("files", cache_dir=cache)
    decide(guard, task, "read")
    guard.close()
    authority.reachable = False


def decide(guard, delegation, name, arguments=PATH):
    call = delegation.call("files", name, arguments)
    return guard.authorize(call.carriage, name, call.arguments)


@pytest.mark.spec("R-11")
@pytest.mark.usefixtures("stopped")
def test_it_goes_on_while_the_kept_feed_is_fresh_and_no_longer(authority, cache, clock, task):
    clock.pass_ms(60_000)
    guard = authority.guard_for("files", cache_dir=cache)
    decide(guard, task, "read")
    clock.pass_ms(1)
    with pytest.raises(Revoked, match="feed_stale"):
        decide(guard, task, "read")


@pytest.mark.usefixtures("stopped")
def test_without_a_cache_it_does_not_start(authority):
    with pytest.raises(ServiceUnavailable):
        authority.guard_for("files")


@pytest.mark.spec("R-11")
def test_it_knows_what_was_revoked(authority, cache, client, scope, task):
    guard = authority.guard_for("files", cache_dir=cache)
    other = client.begin_task("Another", scope=scope)
    task.complete()
    with pytest.raises(Revoked, match="task_ended"):
        decide_until_refused(guard, task)
    guard.close()
    authority.reachable = False

    again = authority.guard_for("files", cache_dir=cache)
    decide(again, other, "read")
    with pytest.raises(Revoked, match="task_ended"):
        decide(again, task, "read")


def decide_until_permitted(guard, delegation):
    while True:
        try:
            return decide(guard, delegation, "read")
        except Revoked as refused:
            if refused.reason is not Reason.FEED_STALE:
                raise


def decide_until_refused(guard, delegation):
    while True:
        decide(guard, delegation, "read")


@pytest.mark.spec("R-11")
@pytest.mark.usefixtures("stopped")
def test_a_clock_that_was_set_back_makes_the_kept_feed_count_for_nothing(authority, cache, clock, caplog):
    clock.now_ms -= 1
    with pytest.raises(ServiceUnavailable):
        authority.guard_for("files", cache_dir=cache, timeout_s=0.1)
    assert any("from a later time" in message for message in caplog.messages)


@pytest.mark.spec("R-11")
@pytest.mark.usefixtures("stopped")
def test_a_clock_that_was_set_back_less_than_has_passed_is_found_by_the_monotonic_one(authority, cache, clock, task):
    clock.pass_ms(61_000)
    clock.now_ms -= 60_000
    guard = authority.guard_for("files", cache_dir=cache)
    with pytest.raises(Revoked, match="feed_stale"):
        decide(guard, task, "read")


@pytest.mark.spec("R-11")
@pytest.mark.usefixtures("stopped")
def test_a_piece_that_somebody_else_has_signed_is_left_out(authority, cache, clock, task):
    path = cache / FILE
    content = path.read_bytes()
    forged = encode_statement(sign_feed_entry(entry(9, 9, at_ms=clock.now_ms + 50_000), KEY))
    size, boot, kept_ms, monotonic_ms = HEAD.unpack(content[len(MAGIC) :][: HEAD.size])
    assert size
    path.write_bytes(content + HEAD.pack(len(forged), boot, kept_ms, monotonic_ms) + forged)
    clock.pass_ms(61_000)
    guard = authority.guard_for("files", cache_dir=cache)
    with pytest.raises(Revoked, match="feed_stale"):
        decide(guard, task, "read")


@pytest.mark.spec("R-11", "R-14")
@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize(("ahead_ms", "counts"), [(60_000, True), (60_001, False)])
def test_a_kept_piece_by_a_clock_that_is_far_ahead_makes_nothing_fresh(
    authority, cache, clock, task, *, ahead_ms, counts
):
    path = cache / FILE
    content = path.read_bytes()
    kept_ms, monotonic_ms = clock.now_ms, clock.monotonic_ms
    clock.pass_ms(61_000)  # by the monotonic clock the kept feed is too old, were it not for what is put after it
    boot = HEAD.unpack(content[len(MAGIC) :][: HEAD.size])[1]
    ahead = entry(0, 0, at_ms=clock.now_ms + ahead_ms)
    piece = encode_statement(sign_feed_entry(ahead, authority._service._statement_key))
    path.write_bytes(content + HEAD.pack(len(piece), boot, kept_ms + 61_000, monotonic_ms + 61_000) + piece)
    guard = authority.guard_for("files", cache_dir=cache)
    if counts:
        decide(guard, task, "read")
    else:
        with pytest.raises(Revoked, match="feed_stale"):
            decide(guard, task, "read")


@pytest.mark.spec("R-11")
@pytest.mark.usefixtures("stopped")
def test_a_changed_byte_makes_it_count_for_nothing(authority, cache):
    path = cache / FILE
    content = bytearray(path.read_bytes())
    content[len(MAGIC) + HEAD.size + 40] ^= 1
    path.write_bytes(content)
    with pytest.raises(ServiceUnavailable):
        authority.guard_for("files", cache_dir=cache, timeout_s=0.1)


@pytest.mark.spec("R-11")
def test_an_older_file_that_was_put_in_its_place_is_as_old_as_it_was_signed(authority, cache, clock, task):
    guard = authority.guard_for("files", cache_dir=cache)
    old = (cache / FILE).read_bytes()
    clock.pass_ms(61_000)
    guard.close()
    authority.guard_for("files", cache_dir=cache).close()
    (cache / FILE).write_bytes(old)
    authority.reachable = False
    again = authority.guard_for("files", cache_dir=cache)
    with pytest.raises(Revoked, match="feed_stale"):
        decide(again, task, "read")


@pytest.mark.usefixtures("stopped")
def test_when_the_service_is_back_it_recovers_by_itself(authority, cache, clock, task):
    clock.pass_ms(61_000)
    guard = authority.guard_for("files", cache_dir=cache)
    authority.reachable = True
    decide_until_permitted(guard, task)


# -- how old, by tool ----------------------------------------------------------------------------------------


@pytest.mark.spec("R-7", "R-10")
def test_a_tool_that_does_more_than_read_wants_a_younger_feed_whoever_decides(authority, guard, clock, task):
    authority.reachable = False
    clock.pass_ms(30_001)
    decide(guard, task, "read")
    with pytest.raises(Revoked, match="feed_stale"):
        decide(guard, task, "write", {"path": "/srv/a", "size": 7})
    with pytest.raises(Revoked, match="feed_stale"):
        decide(guard, task, "unlisted")


@pytest.mark.spec("R-10")
@pytest.mark.parametrize("maximum_ms", [5_000, 120_000])
def test_the_catalogue_says_how_old_for_a_tool(clock, maximum_ms):
    careful = CatalogueTool("files", "peek", frozenset({Effect.READ}), local=True, maximum_feed_age_ms=maximum_ms)
    with Authority(tools=[careful], sources=clock.sources()) as authority:
        guard = authority.guard_for("files")
        task = authority.client("spiffe://test.example/agent/a").begin_task("x", scope=Scope(any_call("files", "peek")))
        authority.reachable = False
        clock.pass_ms(maximum_ms)
        decide(guard, task, "peek")
        clock.pass_ms(1)
        with pytest.raises(Revoked, match="feed_stale"):
            decide(guard, task, "peek")
        authority.reachable = True


@pytest.mark.spec("R-10")
def test_a_guard_may_be_more_or_less_patient(authority, clock, task):
    guard = authority.guard_for("files", feed_ages=FeedAges(read_ms=10_000, other_ms=90_000))
    clock.pass_ms(10_001)
    authority.reachable = False
    with pytest.raises(Revoked, match="feed_stale"):
        decide(guard, task, "read")
    with pytest.raises(Refused, match="service_unavailable"):
        decide(guard, task, "write", {"path": "/srv/a", "size": 7})
    with pytest.raises(ConfigError, match="at most 600000 ms"):
        authority.guard_for("files", feed_ages=FeedAges(read_ms=600_001))
