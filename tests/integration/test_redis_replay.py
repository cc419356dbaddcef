"""Proofs used up in a real Redis: by several guards at once, over a restart, a flush, an eviction and an outage."""

from __future__ import annotations

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
import redis

from certificates import TestCa
from delegation.core.break_glass import BreakGlass
from delegation.core.limits import PROOF_FUTURE_MS, PROOF_MEMORY_MS
from delegation.core.trust import Effect
from delegation.errors import BadProof, ConfigError, Reason, Refused, Undecided
from delegation_sdk import Scope, any_call
from delegation_sdk.replay_redis import RedisReplay
from delegation_sdk.shared_replay import ProofUse
from delegation_sdk.sources import Sources
from delegation_sdk.testing import Authority
from support.redis import free_port, running_redis

HOUR_MS = 3_600_000
DIFFER_MS = 24 * HOUR_MS
"""By how much clocks may differ here: Redis has the machine's, and these tests one of their own, half a day behind."""

YOUNG_MS = PROOF_FUTURE_MS + DIFFER_MS
BIRTH_MS = time.time_ns() // 1_000_000 - 12 * HOUR_MS
SETTLED_MS = BIRTH_MS + YOUNG_MS
"""From then on the store of these tests takes proofs."""


@pytest.fixture
def server(tmp_path):
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def store(server):
    store = settled(open_store(server.url))
    yield store
    store.close()


def open_store(url, **options):
    return RedisReplay(url, clocks_differ_ms=DIFFER_MS, **options)


def settled(store):
    """Let the store begin to remember at `BIRTH_MS`."""
    with pytest.raises(BadProof, match="proof_stale"):
        store.use(proof(0, issued_at_ms=BIRTH_MS, now_ms=BIRTH_MS))
    return store


def proof(number, *, issued_at_ms=SETTLED_MS, now_ms=SETTLED_MS, audience="files"):
    return ProofUse(bytes(32), audience, number.to_bytes(16, "big"), issued_at_ms, 0, now_ms)


def fill(client):
    """Write until Redis takes not even a little more."""
    for size in (10_000, 100):
        with pytest.raises(redis.RedisError, match="maxmemory"):
            write_on(client, size)


def write_on(client, size):
    for number in itertools.count():
        client.set(f"other {size} {number}", os.urandom(size))


def use(store, each):
    try:
        store.use(each)
    except Refused as refused:
        return str(refused.reason)
    return "used"


@pytest.mark.spec("P-8")
def test_a_proof_is_used_once_whichever_guard_is_shown_it(server, store):
    other = open_store(server.url)
    assert [use(each, proof(1)) for each in (store, other, store)] == ["used", "proof_replayed", "proof_replayed"]
    assert use(other, proof(1, audience="mail")) == "used"


@pytest.mark.spec("P-8")
def test_of_many_guards_at_once_one_is_told_yes(server, store):
    stores = [store, *(open_store(server.url) for _ in range(7))]
    together = Barrier(8)

    def show(each):
        together.wait(30)
        return [use(each, proof(number)) for number in range(1, 50)]

    with ThreadPoolExecutor(8) as pool:
        came_of = list(pool.map(show, stores))
    for each in zip(*came_of, strict=True):
        assert sorted(each) == ["proof_replayed"] * 7 + ["used"]


def test_the_prefix_keeps_stores_apart(server, store):
    other = settled(open_store(server.url, prefix="other:"))
    assert [use(store, proof(1)), use(other, proof(1))] == ["used", "used"]


def test_keys_are_digests_and_say_nothing(server, store):
    each = proof(1)
    store.use(each)
    keys = server.client().keys("*")
    assert sorted(keys) == sorted(
        b"{delegation:}" + key for key in (b"p:" + each.id.hex().encode(), b"store", b"alive")
    )
    assert server.client().get(b"{delegation:}p:" + each.id.hex().encode()) == b""


@pytest.mark.spec("P-8")
def test_it_remembers_for_longer_than_a_proof_counts_by_any_clock(server, store):
    each = proof(1)
    store.use(each)
    remembered_ms = server.client().pttl(b"{delegation:}p:" + each.id.hex().encode())
    assert remembered_ms > 2 * (PROOF_MEMORY_MS + 2 * DIFFER_MS)


@pytest.mark.spec("P-6", "P-10")
@pytest.mark.parametrize(
    "loss", ["restarted", "restarted with what it had saved", "emptied", "the store's own key lost"]
)
def test_what_may_be_forgotten_is_not_taken_again(server, store, loss):
    each = proof(1)
    assert use(store, each) == "used"
    match loss:
        case "restarted":
            server.stop()
            server.start()
        case "restarted with what was saved":
            server.client().save()
            server.stop()
            server.start()
        case "emptied":
            server.client().flushall()
        case _:
            server.client().delete(b"{delegation:}store")
    lost_ms = BIRTH_MS + 1
    assert use(store, proof(1, now_ms=lost_ms)) == "proof_stale"
    again_ms = lost_ms + YOUNG_MS
    assert use(store, proof(2, issued_at_ms=again_ms - 1, now_ms=again_ms)) == "proof_stale"
    assert use(store, proof(2, issued_at_ms=again_ms, now_ms=again_ms)) == "used"


@pytest.mark.spec("P-6", "P-10")
def test_a_redis_that_drops_keys_for_want_of_memory_is_not_believed(tmp_path):
    with running_redis(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random") as server:
        store = settled(open_store(server.url))
        assert use(store, proof(1)) == "used"
        client, number = server.client(), 0
        while not client.info("stats")["evicted_keys"]:
            client.set(f"other {number}", os.urandom(10_000))
            number += 1
        assert use(store, proof(1, now_ms=BIRTH_MS + 1)) == "proof_stale"


@pytest.mark.spec("P-9")
def test_a_redis_that_is_full_or_gone_denies_and_one_that_is_back_is_used(tmp_path):
    with running_redis(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:
        store = settled(open_store(server.url))
        client = server.client()
        fill(client)
        assert use(store, proof(1)) == "service_unavailable"
        client.flushdb()
        server.stop()
        assert use(store, proof(1)) == "service_unavailable"
        server.start()
        assert use(store, proof(1, now_ms=BIRTH_MS + 1)) == "proof_stale"
        again_ms = BIRTH_MS + 1 + YOUNG_MS
        assert use(store, proof(1, issued_at_ms=again_ms, now_ms=again_ms)) == "used"


def test_over_tls_with_the_certificate_checked(tmp_path):
    authority, port = TestCa.create(), free_port()
    credential = authority.issue(dns=("localhost",))
    ca, certificate, key = (tmp_path / name for name in ("ca", "certificate", "key"))
    ca.write_bytes(authority.pem)
    certificate.write_bytes(credential.certificate)
    key.write_bytes(credential.key)
    tls = ("--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    others = ("--tls-ca-cert-file", str(ca), "--tls-auth-clients", "no", "--bind", "127.0.0.1")
    with running_redis(tmp_path, *tls, *others):
        url = f"rediss://localhost:{port}/0"
        store = settled(open_store(url, ssl_ca_certs=str(ca)))
        assert [use(store, proof(1)), use(store, proof(1))] == ["used", "proof_replayed"]
        with pytest.raises(Undecided, match="service_unavailable"):
            open_store(url).use(proof(2))


@pytest.mark.parametrize("url", ["redis://cache.example:6379/0", "https://localhost", "redis://10.0.0.7/0", ""])
def test_a_redis_elsewhere_is_not_asked_in_plain_text(url):
    with pytest.raises(ConfigError):
        RedisReplay(url)


def test_neither_texts_nor_errors_show_the_password(server):
    store = RedisReplay("redis://guard:hunter2@127.0.0.1:1/0")
    with pytest.raises(Undecided) as caught:
        store.use(proof(1))
    assert "hunter2" not in f"{store!r} {caught.value!s} {caught.value!r}"


@pytest.mark.spec("P-8", "P-9")
@pytest.mark.parametrize("off_ms", [-DIFFER_MS - HOUR_MS, DIFFER_MS + HOUR_MS])
def test_a_guard_with_another_clock_is_denied_for_redis_forgets_by_its_own(store, off_ms):
    at_ms = time.time_ns() // 1_000_000 + off_ms
    with pytest.raises(Undecided, match="clocks of this guard and the shared store differ"):
        store.use(proof(1, issued_at_ms=at_ms, now_ms=at_ms))


@contextmanager
def clock_that_jumps(client, by_ms):
    """Have Redis lose by time what it would if its clock were put ahead by so much and back, with nobody asking."""
    ends = {key: client.pttl(key) for key in client.scan_iter("*")}
    gone = [key for key, left_ms in ends.items() if 0 < left_ms <= by_ms]
    for key in gone:
        client.pexpire(key, 0)
    yield gone


def usual_store(server):
    """Open a store by the usual clocks that has been there for long enough."""
    store = RedisReplay(server.url)
    old_ms = time.time_ns() // 1_000_000
    with pytest.raises(BadProof, match="proof_stale"):
        store.use(proof(0, issued_at_ms=old_ms, now_ms=old_ms))
    server.client().hset("{delegation:}store", "since_ms", old_ms - HOUR_MS)
    return store


def shown_now(number, *, after_ms=0):
    at_ms = time.time_ns() // 1_000_000
    return proof(number, issued_at_ms=at_ms + after_ms, now_ms=at_ms)


@pytest.mark.spec("P-6", "P-10")
@pytest.mark.parametrize("by_ms", [94_000, 96_000, HOUR_MS, 24 * HOUR_MS])
def test_a_clock_of_redis_that_jumps_ahead_and_comes_back_unnoticed_makes_no_used_proof_new(server, by_ms):
    store, each = usual_store(server), shown_now(1)
    assert [use(store, each), use(store, each)] == ["used", "proof_replayed"]
    with clock_that_jumps(server.client(), by_ms) as gone:
        assert b"{delegation:}alive" in gone
    assert use(store, each) == "proof_stale"
    assert use(store, shown_now(2)) == "proof_stale"
    assert use(store, shown_now(3, after_ms=PROOF_FUTURE_MS + 6_000)) == "used"  # and so it is for good, from then on


@pytest.mark.spec("P-6", "P-10")
def test_a_clock_of_redis_that_is_behind_where_it_was_makes_no_used_proof_new(server):
    """Guards that are on its machine have jumped with it, and asked meanwhile."""
    store, each = usual_store(server), shown_now(1)
    assert use(store, each) == "used"
    client = server.client()
    with clock_that_jumps(client, HOUR_MS):
        ahead_ms = time.time_ns() // 1_000_000 + HOUR_MS
        client.hset("{delegation:}store", "latest_ms", ahead_ms)
        client.set("{delegation:}alive", "", px=HOUR_MS)
    assert use(store, each) == "proof_stale"


@pytest.mark.spec("P-8")
def test_a_tool_that_is_called_now_and_then_is_not_taken_for_a_clock_that_has_jumped(server):
    store, client = usual_store(server), server.client()
    store.use(shown_now(1))
    latest_ms = int(client.hget("{delegation:}store", "latest_ms"))
    client.hset("{delegation:}store", "latest_ms", latest_ms - 47_000)  # so long ago, and the sign of life ended
    client.delete("{delegation:}alive")
    assert use(store, shown_now(2)) == "used"


# -- break-glass of single use -------------------------------------------------------------------------------


def order(not_before_ms=SETTLED_MS):
    read = frozenset({Effect.READ})
    return BreakGlass(
        ("files",), "INC-7", not_before_ms, not_before_ms + 60_000, "ann", bytes(16), read, 600_000, single_use=True
    )


@pytest.mark.spec("B-7")
def test_a_statement_of_single_use_is_used_once_by_all_guards(server, store):
    other = open_store(server.url)
    other.use_order(order(), now_ms=SETTLED_MS)
    with pytest.raises(Undecided, match="was used"):
        store.use_order(order(), now_ms=SETTLED_MS)


@pytest.mark.spec("B-7")
def test_a_statement_of_single_use_stays_used_though_a_clock_jumps_by_a_day(server, store):
    store.use_order(order(), now_ms=SETTLED_MS)
    with clock_that_jumps(server.client(), 24 * HOUR_MS), pytest.raises(Undecided, match="was used"):
        store.use_order(order(), now_ms=SETTLED_MS)


@pytest.mark.spec("B-7")
def test_it_does_not_count_where_its_use_may_have_been_forgotten(server, store):
    server.client().flushall()
    with pytest.raises(Undecided, match="as far as is known"):
        store.use_order(order(), now_ms=SETTLED_MS + 1)


def later():
    """Clocks that are ahead by as much as the store must be old."""
    real = Sources.system()
    return Sources(lambda: real.now_ms() + DIFFER_MS - HOUR_MS, real.monotonic_ms, os.urandom)


# -- guards --------------------------------------------------------------------------------------------------


def test_two_instances_of_a_tool_take_a_proof_once_between_them(server):
    with Authority(local={("files", "read")}, sources=later()) as authority:
        task = authority.client("spiffe://test.example/agent/a").begin_task("x", scope=Scope(any_call("files", "read")))
        stores = [settled(open_store(server.url)), open_store(server.url)]
        first, second = (authority.guard_for("files", replay=store) for store in stores)
        call = task.call("files", "read", {})
        first.authorize(call.carriage, "read", {})
        with pytest.raises(BadProof, match="proof_replayed"):
            second.authorize(call.carriage, "read", {})
        server.stop()
        with pytest.raises(Undecided) as caught:
            first.authorize(task.call("files", "read", {}).carriage, "read", {})
        assert caught.value.reason is Reason.SERVICE_UNAVAILABLE


async def test_it_is_the_same_for_asyncio(server):
    with Authority(local={("files", "read")}, sources=later()) as authority:
        task = authority.client("spiffe://test.example/agent/a").begin_task("x", scope=Scope(any_call("files", "read")))
        guard = authority.guard_for("files", replay=settled(open_store(server.url)))
        call = task.call("files", "read", {})
        await guard.aio.authorize(call.carriage, "read", {})
        with pytest.raises(BadProof, match="proof_replayed"):
            await guard.aio.authorize(call.carriage, "read", {})
