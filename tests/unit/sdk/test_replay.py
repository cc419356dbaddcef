from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest

from delegation.core.limits import PROOF_FUTURE_MS, PROOF_PAST_MS
from delegation.errors import BadProof, Reason, Undecided
from delegation_sdk.replay import ReplayStore

START = 1_800_000_000_000


def nonce(number):
    return number.to_bytes(16, "big")


@pytest.fixture
def store():
    return ReplayStore(START)


@pytest.mark.spec("P-8")
def test_a_proof_is_used_once(store):
    store.use(nonce(1), START, START)

    with pytest.raises(BadProof) as caught:
        store.use(nonce(1), START, START + 10)
    assert caught.value.reason is Reason.PROOF_REPLAYED


@pytest.mark.spec("P-6")
def test_a_proof_from_before_the_start_is_refused(store):
    with pytest.raises(BadProof) as caught:
        store.use(nonce(1), START - 1, START)
    assert caught.value.reason is Reason.PROOF_STALE


@pytest.mark.spec("P-8")
@pytest.mark.parametrize("issued_after_ms", [-0, PROOF_FUTURE_MS])
def test_a_nonce_is_remembered_as_long_as_its_proof_is_accepted(store, issued_after_ms):
    issued_ms = START + issued_after_ms
    store.use(nonce(1), issued_ms, START)

    for now_ms in range(START, issued_ms + PROOF_PAST_MS + 1, 997):
        with pytest.raises(BadProof, match="proof_replayed"):
            store.use(nonce(1), issued_ms, now_ms)


@pytest.mark.spec("P-8")
def test_a_forgotten_nonce_is_no_good_when_the_clock_is_set_back(store):
    store.use(nonce(1), START, START)
    store.use(nonce(2), START + 60_000, START + 60_000)  # sweeps the first away

    with pytest.raises(BadProof) as caught:
        store.use(nonce(1), START, START)
    assert caught.value.reason is Reason.PROOF_STALE


@pytest.mark.spec("P-9")
def test_memory_is_bounded_and_a_full_store_denies():
    store = ReplayStore(START, max_nonces=2)
    store.use(nonce(1), START, START)
    store.use(nonce(2), START, START)

    with pytest.raises(Undecided):
        store.use(nonce(3), START, START)
    store.use(nonce(3), START + 90_000, START + 90_000)


@pytest.mark.spec("P-8")
def test_of_many_threads_one_uses_the_proof(store):
    def use(_):
        try:
            store.use(nonce(7), START, START)
        except BadProof:
            return 0
        return 1

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(use, range(64))) == 1


@pytest.mark.spec("P-8")
def test_looking_and_remembering_are_one_step(store):
    """Two that look at the same moment would both find nothing: the second may not look before the first remembers."""
    meeting = Barrier(2)

    class Meeting(set):
        def __contains__(self, nonce):
            found = super().__contains__(nonce)
            with suppress(BrokenBarrierError):
                meeting.wait(timeout=0.2)
            return found

    store._slices.update({each: Meeting() for each in range(START // 1_000 - 60, START // 1_000 + 60)})

    def use(_):
        try:
            store.use(nonce(1), START, START)
        except BadProof:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(use, range(2))) == [False, True]
    assert meeting.broken, "they never met"
