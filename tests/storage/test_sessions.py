"""Decisions on the state of a task: judged and written in one step, on every database and in groups."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from delegation.core.demands import CALLS
from delegation.core.session import TaskSession
from delegation.errors import Conflict, Reason, StorageError, refusal
from delegation.storage.approvals import CallKey
from delegation.storage.postgres import PostgresStorage
from delegation.storage.refused_writes import ReplayedProofError, RevokedMeanwhileError
from delegation.storage.sessions import Verdict
from storage.in_session import REFUND, a_step, counts, spends, spoil, used
from storage.made import a_call, a_fence, a_revocation, a_task, digest, proof_of

# -- one decision


@pytest.mark.spec("A-12", "A-13", "A-14")
async def test_a_permitted_call_is_charged_to_every_link_and_added_to_the_tasks_state(storage):
    task = a_task()
    child = digest("child")
    step = a_step(task, spends(task, "20.50"), counts(task, 3), spends(task, "20.50", "30", account=child))
    call = a_call(task)
    amounts, _, of_child = step.demands
    charged = call._replace(reserved=f"{amounts.key.hex()}=20.5,{of_child.key.hex()}=20.5")
    assert await storage.decide_in_session(call, step, proof=proof_of(call)) == (charged, None)
    assert await storage.call(call.call_id) == charged
    assert await used(storage, task) == {
        (task.task_id, "amount"): "20.5",
        (task.task_id, CALLS): "1",
        (child, "amount"): "20.5",
    }
    assert await storage.session(task.task_id) == TaskSession().after(REFUND)


@pytest.mark.spec("A-17")
async def test_a_refusal_is_recorded_counted_and_charges_nothing(storage):
    task = a_task()
    await storage.decide_in_session(a_call(task), a_step(task, spends(task, 60), counts(task, 9)))
    call = a_call(task)
    decided = await storage.decide_in_session(call, a_step(task, counts(task, 9), spends(task, 41)))
    assert decided.refusal is not None
    assert decided.refusal.reason is Reason.BUDGET_EXCEEDED
    assert decided.refusal.parent == "40 of 100 in sum"
    assert decided.call == await storage.call(call.call_id) == call.denied("budget_exceeded", "condition", 0)
    assert await used(storage, task) == {(task.task_id, "amount"): "60", (task.task_id, CALLS): "1"}
    session = await storage.session(task.task_id)
    assert (session.calls, session.denials, session.version) == (1, 1, 2)


@pytest.mark.parametrize("refused", [None, refusal(Reason.POLICY_DENIED), refusal(Reason.APPROVAL_REQUIRED)])
async def test_what_decided_a_call_is_kept_with_it(storage, refused):
    told = '{"task_labels":["personal"]}'
    judged, before, unjudged = a_call(), a_call(allowed=False, reason="tool_not_permitted"), a_call()

    def judge(view):
        return Verdict(refused, view.session, rules="one,two", obligations=None if refused else "redact", inputs=told)

    for call in (judged, before):
        await storage.decide_in_session(call, a_step(a_task(), judge=judge))
    await storage.decide_in_session(unjudged, a_step(a_task()))
    kept = await storage.call(judged.call_id)
    assert (kept.rules, kept.obligations, kept.inputs) == ("one,two", None if refused else "redact", told)
    for call in (before, unjudged):
        kept = await storage.call(call.call_id)
        assert (kept.rules, kept.obligations, kept.inputs) == (None, None, None)


async def test_a_call_that_was_refused_before_is_counted_as_a_denial(storage):
    task = a_task()
    call = a_call(task, allowed=False, reason="argument_refused", layer="scope")
    assert (await storage.decide_in_session(call, a_step(task))).call == call
    assert await storage.session(task.task_id) == TaskSession().after_denial()


@pytest.mark.parametrize("fault", ["raises", "forgets a demand"])
async def test_a_judge_that_fails_is_a_recorded_denial_and_nobody_elses_trouble(storage, fault):
    task, calls = a_task(), [a_call() for _ in range(3)]

    def fail(view):
        if fault == "raises":
            raise ZeroDivisionError
        return Verdict(None, view.session.after(REFUND), {})

    steps = [a_step(task, spends(task, 5), judge=fail) if n == 1 else a_step(task, spends(task, 5)) for n in range(3)]
    decided = await asyncio.gather(
        *(storage.decide_in_session(call, step) for call, step in zip(calls, steps, strict=True))
    )
    assert [each.call.allowed for each in decided] == [True, False, True]
    assert decided[1].refusal is not None
    assert decided[1].refusal.reason is Reason.INTERNAL
    assert await used(storage, task) == {(task.task_id, "amount"): "10"}


async def test_approvals_that_cannot_be_read_are_no_decision_and_nobody_elses_trouble(storage):
    """PostgreSQL takes no NUL, and after that nothing more of the transaction; SQLite has no such text."""
    task, other = a_task(), a_task()

    def swallow(view):
        try:
            view.approvals(b"")
        except Exception:  # noqa: BLE001 - as those who judge do
            return Verdict(refusal(Reason.INTERNAL))
        return Verdict(refusal(Reason.APPROVAL_REQUIRED))

    unreadable = a_step(task, judge=swallow, call=CallKey(digest("leaf"), "bill\x00ing", "refund", digest("arguments")))
    beside = [a_call() for _ in range(3)]
    *entered, spoilt = await asyncio.gather(
        *(storage.decide_in_session(call, a_step(other, spends(other, 5))) for call in beside),
        storage.decide_in_session(a_call(), unreadable),
        return_exceptions=True,
    )
    assert [each.call.call_id for each in entered if each.call.allowed] == [call.call_id for call in beside]
    if not isinstance(storage, PostgresStorage):
        assert spoilt.refusal.reason is Reason.APPROVAL_REQUIRED
        return
    assert isinstance(spoilt, StorageError)
    assert await storage.session(task.task_id) == TaskSession()


async def test_nothing_is_charged_where_the_call_was_revoked_meanwhile(storage):
    task = a_task()
    await storage.revoke([a_revocation("task", task.task_id)])
    with pytest.raises(RevokedMeanwhileError):
        await storage.decide_in_session(
            a_call(task), a_step(task, spends(task, 5)), fence=a_fence(0, ("task", task.task_id))
        )
    assert await used(storage, task) == {}
    assert (await storage.session(task.task_id)).calls == 0


# -- the same question again


@pytest.mark.spec("A-11", "A-17")
@pytest.mark.parametrize("together", [True, False], ids=["at once", "one after another"])
async def test_the_same_question_is_charged_once(storage, together):
    task, call = a_task(), a_call()
    proof = proof_of(call)
    asked = [storage.decide_in_session(a_call(task), a_step(task, spends(task, 30)), proof=proof) for _ in range(6)]
    decided = await asyncio.gather(*asked) if together else [await each for each in asked]
    assert len({each.call for each in decided}) == 1
    assert decided[0].call.allowed
    assert await used(storage, task) == {(task.task_id, "amount"): "30"}
    assert (await storage.session(task.task_id)).calls == 1


async def test_a_replayed_proof_charges_nothing(storage):
    task, call = a_task(), a_call()
    step = a_step(task, spends(task, 30))
    await storage.decide_in_session(call, step, proof=proof_of(call))
    with pytest.raises(ReplayedProofError):
        await storage.decide_in_session(a_call(task), step, proof=proof_of(call, request_digest=digest("other")))
    assert await used(storage, task) == {(task.task_id, "amount"): "30"}


async def test_a_refused_question_that_is_repeated_stays_refused(storage):
    task, call = a_task(), a_call()
    asked = [(a_call(task), a_step(task, spends(task, 101))), (a_call(task), a_step(task, spends(task, 1)))]
    first, second = [await storage.decide_in_session(*each, proof=proof_of(call)) for each in asked]
    assert (first.call, second.refusal) == (second.call, None)
    assert not second.call.allowed
    assert await used(storage, task) == {}


# -- many at once


@pytest.mark.spec("A-12")
async def test_of_a_hundred_calls_at_once_a_budget_permits_what_fits_to_the_cent(storage):
    task = a_task()
    amounts = [*itertools.islice(itertools.cycle(["1", "7.30", "12.05", "0.01", "33.33"]), 100)]
    decided = await asyncio.gather(
        *(
            storage.decide_in_session(a_call(task), a_step(task, spends(task, amount), counts(task, 20)))
            for amount in amounts
        )
    )
    spent = sum(round(float(amount) * 100) for amount, each in zip(amounts, decided, strict=True) if each.call.allowed)
    permitted = sum(each.call.allowed for each in decided)
    sums = await used(storage, task)
    assert round(float(sums[task.task_id, "amount"]) * 100) == spent <= 10_000
    assert sums[task.task_id, CALLS] == str(permitted)
    session = await storage.session(task.task_id)
    assert (session.calls, session.denials, session.version) == (permitted, 100 - permitted, 100)
    assert {each.refusal.reason for each in decided if each.refusal} <= {
        Reason.BUDGET_EXCEEDED,
        Reason.CALLS_EXHAUSTED,
    }


async def test_what_spoils_a_group_is_charged_as_if_each_had_come_alone(storage):
    """A conflict undoes the common insert; then every decision is judged again, on what is there then."""
    task, taken = a_task(), a_call()
    await storage.decide(taken)
    calls = [taken if number == 7 else a_call(task) for number in range(15)]
    results = await asyncio.gather(
        *(storage.decide_in_session(call, a_step(task, spends(task, 10))) for call in calls), return_exceptions=True
    )
    assert isinstance(results.pop(7), Conflict)
    assert sum(each.call.allowed for each in results) == 10
    assert await used(storage, task) == {(task.task_id, "amount"): "100"}
    assert (await storage.session(task.task_id)).calls == 10


async def test_a_state_that_cannot_be_read_refuses_its_own_task_alone(storage, backend):
    sane, broken = a_task(), a_task()
    await spoil(backend, broken)
    results = await asyncio.gather(
        *(storage.decide_in_session(a_call(task), a_step(task)) for task in (sane, broken, sane)),
        return_exceptions=True,
    )
    assert isinstance(results[1], StorageError)
    assert [each.call.allowed for each in (results[0], results[2])] == [True, True]
    with pytest.raises(StorageError):
        await storage.session(broken.task_id)
