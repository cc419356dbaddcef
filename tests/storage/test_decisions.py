"""Contract: decisions, their proofs, what they rest on, their outcomes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from delegation.errors import Conflict, StorageError
from delegation.storage.listing import CallFilter
from delegation.storage.preconditions import PROOF_KEPT_MS
from delegation.storage.refused_writes import NotRecordedError, ReplayedProofError, RevokedMeanwhileError
from storage.made import NOW_MS, READER, a_call, a_fence, a_link, a_revocation, a_task, an_outcome, proof_of


async def calls_entered(storage):
    return (await storage.calls(CallFilter(), limit=1000)).items


async def test_a_decision_is_read_back_as_it_was_entered(storage):
    call = a_call(a_task(), link_index=2, trace_id=b"t" * 16, span_id=b"s" * 8, catalogue_digest=b"c" * 32)
    assert await storage.decide(call, proof=proof_of(call), fence=a_fence(0)) == call
    assert await storage.call(call.call_id) == call


async def test_a_denial_may_lack_all_that_a_chain_would_have_said(storage):
    denied = a_call(leaf_agent="", principal_subject="", proof_nonce=b"", proof=b"").denied("malformed", "decode")
    assert await storage.decide(denied) == denied
    assert await storage.call(denied.call_id) == denied
    assert await storage.call(b"x" * 16) is None


@pytest.mark.spec("A-11")
async def test_the_same_request_of_the_same_caller_gets_the_earlier_decision(storage):
    call = a_call()
    await storage.decide(call, proof=proof_of(call))
    retried = a_call(proof_nonce=call.proof_nonce)
    assert await storage.decide(retried, proof=proof_of(call)) == call
    assert await calls_entered(storage) == (call,)


@pytest.mark.spec("P-8", "A-11")
@pytest.mark.parametrize(
    "changed",
    [
        {"caller": "another tool"},
        {"audience": "another audience"},
        {"request_digest": b"another request".ljust(32)},
        {"request_digest": b""},
    ],
    ids=["caller", "audience", "request", "no request"],
)
async def test_a_proof_used_for_anything_else_is_a_replay(storage, changed):
    call = a_call()
    await storage.decide(call, proof=proof_of(call))
    replayed = a_call(proof_nonce=call.proof_nonce)
    with pytest.raises(ReplayedProofError):
        await storage.decide(replayed, proof=proof_of(call, **changed))
    assert await calls_entered(storage) == (call,)


async def test_a_request_without_digest_is_never_repeated(storage):
    call = a_call()
    await storage.decide(call, proof=proof_of(call, request_digest=b""))
    with pytest.raises(ReplayedProofError):
        await storage.decide(a_call(), proof=proof_of(call, request_digest=b""))


async def test_a_refused_replay_can_be_entered_as_a_denial(storage):
    call, replayed = a_call(), a_call()
    await storage.decide(call, proof=proof_of(call))
    denied = replayed.denied("proof_replayed", "proof")
    assert await storage.decide(denied) == denied
    assert set(await calls_entered(storage)) == {call, denied}


@pytest.mark.spec("P-8")
async def test_of_many_concurrent_uses_of_a_proof_exactly_one_enters(storage):
    proof = proof_of(a_call(), request_digest=b"")
    calls = [a_call() for _ in range(100)]
    results = await asyncio.gather(*(storage.decide(call, proof=proof) for call in calls), return_exceptions=True)
    entered = [result for result in results if not isinstance(result, Exception)]
    assert len(entered) == 1
    assert sum(isinstance(result, ReplayedProofError) for result in results) == 99
    assert await calls_entered(storage) == (entered[0],)


@pytest.mark.spec("A-11")
async def test_of_concurrent_retries_all_get_the_one_decision(storage):
    call = a_call()
    retries = [a_call(proof_nonce=call.proof_nonce) for _ in range(50)]
    results = await asyncio.gather(*(storage.decide(retry, proof=proof_of(call)) for retry in retries))
    assert len(set(results)) == 1
    assert await calls_entered(storage) == (results[0],)


async def test_a_replay_does_not_disturb_those_who_share_its_group(storage):
    used = a_call()
    await storage.decide(used, proof=proof_of(used))
    calls = [a_call() for _ in range(30)]
    proofs = [proof_of(used if place % 3 == 0 else call, caller="x") for place, call in enumerate(calls)]
    results = await asyncio.gather(
        *(storage.decide(call, proof=proof) for call, proof in zip(calls, proofs, strict=True)),
        return_exceptions=True,
    )
    for place, (call, result) in enumerate(zip(calls, results, strict=True)):
        if place % 3 == 0:
            assert isinstance(result, ReplayedProofError)
        else:
            assert result == call
    assert len(await calls_entered(storage)) == 21


async def test_a_call_id_is_taken_once(storage):
    call = a_call()
    await storage.decide(call)
    other = a_call()
    results = await asyncio.gather(
        storage.decide(call._replace(tool="another")), storage.decide(other), return_exceptions=True
    )
    assert isinstance(results[0], Conflict)
    assert results[1] == other
    assert await storage.call(call.call_id) == call


async def test_a_write_that_the_database_cannot_hold_fails_alone(storage):
    good, impossible = a_call(), a_call(feed_position=2**70)
    results = await asyncio.gather(storage.decide(impossible), storage.decide(good), return_exceptions=True)
    assert isinstance(results[0], StorageError)
    assert results[1] == good
    assert await calls_entered(storage) == (good,)


@pytest.mark.spec("P-8")
async def test_a_consumed_proof_cannot_be_used_again(storage):
    call = a_call()
    proof = proof_of(call, request_digest=b"")
    await storage.consume_proof(proof)
    with pytest.raises(ReplayedProofError):
        await storage.consume_proof(proof)
    with pytest.raises(ReplayedProofError):
        await storage.decide(call, proof=proof)
    assert await calls_entered(storage) == ()


async def test_a_proof_consumed_without_decision_is_no_earlier_decision(storage):
    call = a_call()
    await storage.consume_proof(proof_of(call))
    await storage.consume_proof(proof_of(call))  # the same request again
    with pytest.raises(ReplayedProofError):
        await storage.decide(call, proof=proof_of(call))


async def test_what_was_revoked_before_the_fence_is_not_looked_at_again(storage):
    revoked = ("link", b"l" * 32)
    position = await storage.revoke([a_revocation(*revoked)])
    call = a_call()
    assert await storage.decide(call, fence=a_fence(position, revoked)) == call


@pytest.mark.spec("R-4")
async def test_a_decision_that_rests_on_something_revoked_meanwhile_is_not_entered(storage):
    resting_on = ("agent", READER.encode())
    await storage.revoke([a_revocation("agent", b"somebody else")])
    position = await storage.revoke([a_revocation(*resting_on)])
    call = a_call()
    with pytest.raises(RevokedMeanwhileError) as refused:
        await storage.decide(call, proof=proof_of(call), fence=a_fence(0, resting_on, ("task", b"t" * 16)))
    assert (refused.value.kind, refused.value.revoked_id, refused.value.position) == (*resting_on, position)
    assert await calls_entered(storage) == ()
    denied = call.denied("agent_revoked", "revocation", 1)
    assert await storage.decide(denied, proof=proof_of(call)) == denied


async def test_revocations_of_other_things_do_not_stop_a_decision(storage):
    await storage.revoke([a_revocation("agent", b"somebody else"), a_revocation("task", b"l" * 32)])
    call = a_call()
    assert await storage.decide(call, fence=a_fence(0, ("link", b"l" * 32))) == call


@pytest.mark.spec("R-4")
async def test_even_a_retry_is_refused_after_a_revocation(storage):
    call, link = a_call(), ("link", b"l" * 32)
    await storage.decide(call, proof=proof_of(call), fence=a_fence(0, link))
    await storage.revoke([a_revocation(*link)])
    with pytest.raises(RevokedMeanwhileError):
        await storage.decide(call, proof=proof_of(call), fence=a_fence(0, link))


async def test_a_denial_stands_over_an_earlier_permission_of_the_same_request(storage):
    call = a_call()
    await storage.decide(call, proof=proof_of(call))
    denied = a_call(proof_nonce=call.proof_nonce).denied("task_ended", "revocation")
    assert await storage.decide(denied, proof=proof_of(call)) == denied
    assert set(await calls_entered(storage)) == {call, denied}


async def test_an_earlier_denial_stands_over_a_later_permission_of_the_same_request(storage):
    denied = a_call().denied("expired", "time")
    await storage.decide(denied, proof=proof_of(denied))
    assert await storage.decide(a_call(), proof=proof_of(denied)) == denied
    assert await calls_entered(storage) == (denied,)


@pytest.mark.spec("G-2")
async def test_nothing_is_decided_from_a_feed_that_the_database_has_lost(storage):
    with pytest.raises(StorageError):
        await storage.decide(a_call(), fence=a_fence(5))


@pytest.mark.spec("R-3", "R-4")
async def test_no_decision_is_entered_after_its_task_was_completed(storage):
    """Decisions race with the completion; each that was permitted came before it."""
    task = a_task()
    await storage.add_grant(task, a_link(task))
    permitted_late = []
    completed = asyncio.Event()

    async def decide_on():
        while True:
            late = completed.is_set()
            call = a_call(task)
            try:
                await storage.decide(call, fence=a_fence(0, ("task", task.task_id)))
            except RevokedMeanwhileError:
                return
            if late:
                permitted_late.append(call)

    async def complete():
        while not (await storage.calls(CallFilter(task_id=task.task_id), limit=50)).next_cursor:
            pass
        await storage.complete_task(
            task.task_id,
            completed_ms=NOW_MS,
            completed_by=READER,
            revocation=a_revocation("task", task.task_id),
        )
        completed.set()

    await asyncio.gather(complete(), *(decide_on() for _ in range(16)))
    assert permitted_late == []


async def test_an_outcome_is_reported_once(storage):
    call = a_call()
    await storage.decide(call)
    outcome = an_outcome(call, signed=b"signed outcome")
    await storage.report_outcome(outcome)
    await storage.report_outcome(replace(outcome, reported_ms=NOW_MS + 99))  # delivered again
    with pytest.raises(Conflict):
        await storage.report_outcome(replace(outcome, status="failed"))
    assert await storage.outcomes([call.call_id, b"x" * 16]) == {call.call_id: outcome}


async def test_an_outcome_of_an_unknown_call_is_refused(storage):
    with pytest.raises(NotRecordedError):
        await storage.report_outcome(an_outcome(a_call()))


async def test_outcomes_of_many_calls_are_read_at_once(storage):
    calls = [a_call() for _ in range(600)]
    await asyncio.gather(*(storage.decide(call) for call in calls))
    await asyncio.gather(*(storage.report_outcome(an_outcome(call)) for call in calls))
    assert len(await storage.outcomes([call.call_id for call in calls])) == 600
    assert await storage.outcomes([]) == {}


@pytest.mark.spec("P-8")
async def test_a_proof_from_a_time_of_which_uses_are_forgotten_is_never_fresh(storage):
    old = a_call()
    await storage.decide(old, proof=proof_of(old))
    assert await storage.purge_expired(NOW_MS + PROOF_KEPT_MS) > 0  # a replica's clock was ahead, perhaps
    again = a_call()
    with pytest.raises(ReplayedProofError):
        await storage.decide(again, proof=proof_of(old, request_digest=b"another"))
    with pytest.raises(ReplayedProofError):
        await storage.consume_proof(proof_of(old))
    later = a_call()
    assert await storage.decide(later, proof=proof_of(later, issued_ms=NOW_MS - 4)) == later
