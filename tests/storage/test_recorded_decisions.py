"""Contract: decisions that guards took themselves, numbered without gaps."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from delegation.errors import Conflict
from delegation.storage.listing import CallFilter
from delegation.storage.records import RecorderState
from delegation.storage.refused_writes import OutOfSequenceError, ReplayedProofError
from storage.made import a_batch, a_call, digest, proof_of

GUARD = digest("guard")


async def entered(storage):
    calls = (await storage.calls(CallFilter(), limit=1000)).items
    return sorted(call.guard_sequence for call in calls)


async def test_a_guard_begins_at_one(storage):
    state = await storage.recorder(GUARD)
    assert state == RecorderState(GUARD, 1, bytes(32))
    batch, calls = a_batch(state, 3)
    after = await storage.record_decisions(batch, calls)
    assert after == RecorderState(GUARD, 4, batch.last_hash)
    assert await storage.recorder(GUARD) == after
    assert await storage.call(calls[0].call_id) == calls[0]


async def test_batches_follow_one_another(storage):
    state = RecorderState(GUARD)
    for count in (2, 1, 5):
        state = await storage.record_decisions(*a_batch(state, count))
    assert await entered(storage) == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.spec("T-11")
async def test_a_batch_delivered_again_is_acknowledged_and_not_entered_again(storage):
    first = a_batch(RecorderState(GUARD), 2)
    state = await storage.record_decisions(*first)
    state = await storage.record_decisions(*a_batch(state, 2))
    assert await storage.record_decisions(*first) == state
    assert await entered(storage) == [1, 2, 3, 4]


async def test_a_batch_delivered_twice_at_once_is_entered_once(storage):
    batch, calls = a_batch(RecorderState(GUARD), 4)
    states = await asyncio.gather(*(storage.record_decisions(batch, calls) for _ in range(10)))
    assert set(states) == {RecorderState(GUARD, 5, batch.last_hash)}
    assert await entered(storage) == [1, 2, 3, 4]


@pytest.mark.spec("T-11")
@pytest.mark.parametrize(
    "changed",
    [
        {"first_sequence": 4},
        {"first_sequence": 2},
        {"first_sequence": 1},
        {"previous_hash": bytes(32)},
    ],
    ids=["gap", "overlap", "another beginning", "another past"],
)
async def test_a_batch_that_does_not_continue_is_refused_and_told_where_to_go_on(storage, changed):
    state = await storage.record_decisions(*a_batch(RecorderState(GUARD), 2))
    batch, calls = a_batch(state, 2)
    with pytest.raises(OutOfSequenceError) as refused:
        await storage.record_decisions(replace(batch, **changed), calls)
    assert refused.value.expected == state
    assert await entered(storage) == [1, 2]


@pytest.mark.spec("T-11")
async def test_an_entered_batch_with_another_content_is_refused(storage):
    batch, calls = a_batch(RecorderState(GUARD), 2)
    await storage.record_decisions(batch, calls)
    with pytest.raises(OutOfSequenceError):
        await storage.record_decisions(replace(batch, last_hash=digest("another")), calls)


async def test_each_guard_has_its_own_numbers(storage):
    await storage.record_decisions(*a_batch(RecorderState(GUARD), 2))
    other = RecorderState(digest("another guard"))
    assert (await storage.record_decisions(*a_batch(other, 1))).next_sequence == 2
    assert (await storage.recorder(GUARD)).next_sequence == 3


async def test_a_batch_with_a_call_id_that_is_taken_is_refused_whole(storage):
    known = a_call()
    await storage.decide(known)
    batch, calls = a_batch(RecorderState(GUARD), 3)
    calls[2] = calls[2]._replace(call_id=known.call_id)
    with pytest.raises(Conflict):
        await storage.record_decisions(batch, calls)
    assert await storage.recorder(GUARD) == RecorderState(GUARD)
    assert await storage.call(calls[0].call_id) is None


async def test_proofs_of_recorded_decisions_are_used_up(storage):
    batch, calls = a_batch(RecorderState(GUARD), 2)
    await storage.consume_proof(proof_of(calls[0]))  # one may be used up before, at a shared store
    await storage.record_decisions(batch, calls, [proof_of(call, request_digest=b"") for call in calls])
    with pytest.raises(ReplayedProofError):
        await storage.decide(a_call(), proof=proof_of(calls[1]))
