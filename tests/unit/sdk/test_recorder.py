from __future__ import annotations

import secrets
import threading
import time

import pytest

from delegation.core.attest import open_batch, open_outcome, open_records
from delegation.core.keys import SigningKey
from delegation.core.limits import BATCH_TOKENS
from delegation.core.records import GENESIS, DecisionRecord, Outcome, OutcomeStatus
from delegation.errors import BadStatement, Reason, ServiceUnavailable, Undecided, refusal
from delegation_sdk.record_queue import MAX_BATCH, RecordQueue
from delegation_sdk.recorder import Recorder
from delegation_sdk.sources import Sources


def record(number, chain=b"\x01" * 32):
    call_id = number.to_bytes(16, "big")
    return DecisionRecord(call_id, chain, "files", "read", bytes(32), 1_800_000_000_000, True, "", None, 7, b"p", None)


@pytest.fixture
def key():
    return SigningKey(bytes(31) + b"\x01")


@pytest.fixture
def queue(key):
    return RecordQueue(key)


def test_records_are_numbered_without_gaps_chained_and_signed(queue, key):
    for number in range(MAX_BATCH + 3):
        queue.append(record(number), b"")
    first = queue.take()
    queue.acknowledge(first.next_sequence)
    second = queue.take()

    one, two = open_batch(first.batch), open_batch(second.batch)
    assert one.guard_key == two.guard_key == key.public
    assert (one.first_sequence, one.previous_hash) == (1, GENESIS)
    assert (two.first_sequence, two.previous_hash) == (one.next_sequence, one.head)
    taken = [each.call_id for each in (*open_records(one), *open_records(two))]
    assert taken == [record(number).call_id for number in range(MAX_BATCH + 3)]


def test_an_unacknowledged_batch_is_given_again_byte_for_byte(queue):
    queue.append(record(1), b"token")
    first = queue.take()
    queue.append(record(2), b"token")

    assert queue.take() is first
    assert queue.pending == 2


def test_what_is_just_being_signed_is_pending(key):
    class Watching:
        public, key_id = key.public, key.key_id

        def sign(self, message):
            seen.append(queue.pending)
            return key.sign(message)

    seen = []
    queue = RecordQueue(Watching())
    for number in (1, 2):
        queue.append(record(number), b"")
    queue.acknowledge(queue.take().next_sequence)
    assert seen == [2]
    assert queue.pending == 0


def test_a_service_that_counts_differently_is_not_believed(queue):
    queue.append(record(1), b"")
    queue.take()

    with pytest.raises(BadStatement) as caught:
        queue.acknowledge(5)
    assert caught.value.reason is Reason.RECORDS_INVALID
    assert queue.pending == 1


def test_a_chain_goes_along_once(queue):
    queue.append(record(1), b"token")
    queue.append(record(2), b"token")
    first = queue.take()
    assert first.tokens == (b"token",)
    queue.acknowledge(first.next_sequence)
    queue.append(record(3), b"token")

    assert queue.take().tokens == ()


def test_a_batch_brings_no_more_chains_than_the_contract_allows(queue):
    for number in range(BATCH_TOKENS + 1):
        queue.append(record(number, number.to_bytes(32, "big")), b"token %d" % number)
    shipment = queue.take()

    assert len(shipment.tokens) == shipment.size == BATCH_TOKENS


@pytest.mark.spec("A-6")
def test_a_full_queue_takes_nothing_more(key):
    queue = RecordQueue(key, capacity=2)
    queue.append(record(1), b"")
    queue.take()
    queue.append(record(2), b"")

    with pytest.raises(Undecided) as caught:
        queue.append(record(3), b"")
    assert caught.value.reason is Reason.RECORD_BACKLOG


class Sink:
    """Takes records; can be made to fail, and tells when it was asked."""

    def __init__(self):
        self.batches, self.outcomes, self.failures = [], [], []
        self.asked = threading.Semaphore(0)

    def record(self, batch, tokens):
        self.asked.release()
        self.batches.append(batch)
        if self.failures:
            raise self.failures.pop(0)
        return open_batch(batch).next_sequence

    def report(self, outcomes, guard_key):
        self.outcomes += [open_outcome(each, guard_key) for each in outcomes]


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def recorder(sink, key, clock):
    return Recorder(sink, key, sources=clock.sources())


def test_what_fails_is_sent_again_until_it_is_acknowledged(recorder, sink):
    sink.failures = [ServiceUnavailable("gone"), ValueError("a defect")]
    recorder.append(record(1), b"")
    recorder.start()
    recorder.close()

    assert len(sink.batches) == 3
    assert len(set(sink.batches)) == 1
    assert recorder.pending == 0


def test_an_outcome_follows_its_decision(recorder, sink):
    sink.failures = [ServiceUnavailable("gone")]
    recorder.append(record(1), b"")
    recorder.report(Outcome(record(1).call_id, OutcomeStatus.OK, 1_800_000_000_000))
    recorder.start()
    for _ in range(2):
        sink.asked.acquire(timeout=10)
    recorder.close()

    assert [each.call_id for each in sink.outcomes] == [record(1).call_id]


def test_outcomes_that_are_reported_in_another_order_than_their_calls_arrive_each_once(key):
    class Held(Sink):
        def record(self, batch, tokens):
            next_sequence = super().record(batch, tokens)
            assert go.wait(30)
            return next_sequence

    sink, go = Held(), threading.Event()
    recorder = Recorder(sink, key, sources=Sources.system())
    recorder.append(record(1), b"")
    recorder.start()
    assert sink.asked.acquire(timeout=30)
    recorder.append(record(2), b"")
    for number in (3, 2, 1):  # call 3 was decided by the service
        recorder.report(Outcome(record(number).call_id, OutcomeStatus.OK, 1_800_000_000_000))
    go.set()
    recorder.close()
    assert [each.call_id for each in sink.outcomes] == [record(number).call_id for number in (3, 2, 1)]


def test_closing_says_what_could_not_be_delivered(recorder, sink):
    sink.failures = [ServiceUnavailable("gone")] * 1000
    recorder.append(record(1), b"")
    recorder.start()

    with pytest.raises(ServiceUnavailable, match="1 decision records"):
        recorder.close(timeout_s=0.05)
    sink.failures = []
    recorder.close()


def test_many_threads_record_without_a_gap(recorder, sink):
    recorder.start()
    ids = [secrets.token_bytes(16) for _ in range(400)]
    threads = [
        threading.Thread(
            target=lambda part=ids[start::4]: [recorder.append(record(0)._replace(call_id=i), b"") for i in part]
        )
        for start in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()

    batches = [open_batch(batch) for batch in sink.batches]
    head, number = GENESIS, 1
    for batch in batches:
        assert (batch.first_sequence, batch.previous_hash) == (number, head)
        number, head = batch.next_sequence, batch.head
    assert {each.call_id for batch in batches for each in open_records(batch)} == set(ids)


# -- a service that has lost what it acknowledged


class Forgetful:
    """A service that takes batches as the real one does: numbered and chained, by key. `forget` restores a backup."""

    def __init__(self):
        self.stands: dict[bytes, tuple[int, bytes]] = {}
        self.taken: list[bytes] = []
        self.tokens: list[bytes] = []
        self.outcomes: list[tuple[bytes, bytes]] = []

    def record(self, batch, tokens):
        opened = open_batch(batch)
        if (opened.first_sequence, opened.previous_hash) != self.stands.get(opened.guard_key, (1, GENESIS)):
            raise refusal(Reason.RECORDS_INVALID)
        self.stands[opened.guard_key] = (opened.next_sequence, opened.head)
        self.taken += [each.call_id for each in open_records(opened)]
        self.tokens += tokens
        return opened.next_sequence

    def report(self, outcomes, guard_key):
        self.outcomes += [(open_outcome(each, guard_key).call_id, guard_key) for each in outcomes]

    def forget(self):
        self.stands.clear()
        self.taken.clear()
        self.tokens.clear()


def test_what_waits_when_the_service_has_lost_what_it_acknowledged_is_delivered_once_under_a_fresh_key(key):
    service = Forgetful()
    recorder = Recorder(service, key, sources=Sources.system())
    recorder.start()
    recorder.append(record(1), b"token")
    until(lambda: not recorder.pending)
    service.forget()
    for number in (2, 3):
        recorder.append(record(number), b"token")
    recorder.report(Outcome(record(3).call_id, OutcomeStatus.OK, 1_800_000_000_000))
    recorder.close()
    assert service.taken == [record(number).call_id for number in (2, 3)]
    assert service.tokens == [b"token"]  # the chain is sent again: it may be lost as well
    assert key.public not in service.stands


def test_what_comes_of_a_call_is_signed_with_the_key_that_its_record_is_under(key):
    service = Forgetful()
    recorder = Recorder(service, key, sources=Sources.system())
    recorder.start()
    recorder.append(record(1), b"")
    until(lambda: not recorder.pending)
    service.forget()
    recorder.append(record(2), b"")
    until(lambda: not recorder.pending)
    for number in (2, 1):
        recorder.report(Outcome(record(number).call_id, OutcomeStatus.OK, 1_800_000_000_000))
    recorder.close()
    (fresh,) = service.stands
    assert service.outcomes == [(record(2).call_id, fresh), (record(1).call_id, key.public)]


def test_a_service_that_takes_nothing_does_not_make_a_guard_change_its_key(key):
    class Refusing(Forgetful):
        def record(self, batch, tokens):
            seen.add(open_batch(batch).guard_key)
            asked.release()
            raise refusal(Reason.RECORDS_INVALID)

    seen, asked = set(), threading.Semaphore(0)
    recorder = Recorder(Refusing(), key, sources=Sources.system())
    recorder.start()
    recorder.append(record(1), b"")
    for _ in range(3):
        assert asked.acquire(timeout=30)
    recorder.abandon()
    assert seen == {key.public}
    assert recorder.pending == 1


def until(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
