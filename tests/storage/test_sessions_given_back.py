"""What a failed call took of the budgets of its task is given back: once, and nothing else."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from delegation.core.demands import CALLS
from delegation.errors import Conflict, StorageError
from delegation.storage.refused_writes import NotRecordedError
from delegation.storage.sessions import Verdict
from storage.in_session import REFUND, a_step, counts, spends, used
from storage.made import a_call, a_task, an_outcome


@pytest.mark.spec("A-16")
async def test_what_a_failed_call_took_is_given_back_once_and_the_call_itself_is_not(storage):
    task = a_task()
    call = a_call(task)
    await storage.decide_in_session(call, a_step(task, spends(task, 60), counts(task, 2)))
    outcome = an_outcome(call, status="failed")
    for _ in range(3):
        await storage.report_outcome(outcome)
    await asyncio.gather(*(storage.report_outcome(outcome) for _ in range(5)))
    assert await used(storage, task) == {(task.task_id, "amount"): "0", (task.task_id, CALLS): "1"}
    again = await storage.decide_in_session(a_call(task), a_step(task, spends(task, 100), counts(task, 2)))
    assert again.call.allowed


@pytest.mark.spec("A-16")
@pytest.mark.parametrize("status", ["ok", "unknown"])
async def test_what_a_call_took_stays_spent_without_word_of_its_failure(storage, status):
    task = a_task()
    call, silent = a_call(task), a_call(task)
    await storage.decide_in_session(call, a_step(task, spends(task, 60)))
    await storage.decide_in_session(silent, a_step(task, spends(task, 40)))
    await storage.report_outcome(an_outcome(call, status=status))
    with pytest.raises(Conflict):
        await storage.report_outcome(an_outcome(call, status="failed"))
    assert await used(storage, task) == {(task.task_id, "amount"): "100"}


async def test_a_failure_of_a_call_that_is_not_recorded_gives_nothing_back(storage):
    task = a_task()
    await storage.decide_in_session(a_call(task), a_step(task, spends(task, 60)))
    with pytest.raises(NotRecordedError):
        await storage.report_outcome(an_outcome(a_call(), status="failed"))
    free = a_call(task)
    await storage.decide(free)
    await storage.report_outcome(an_outcome(free, status="failed"))
    assert await used(storage, task) == {(task.task_id, "amount"): "60"}


async def test_what_cannot_be_given_back_now_can_be_later(storage):
    """Whatever else is in the group is written; the failure that was refused has taken no part in it."""
    task, other = a_task(), a_task()
    call, beside = a_call(task), a_call(other)
    demand = spends(task, 60)
    spoilt, repaired = ({demand.key: text} for text in ("nothing known", "60"))
    await storage.decide_in_session(
        call, a_step(task, demand, judge=lambda view: Verdict(None, view.session.after(REFUND), spoilt))
    )
    failure = an_outcome(call, status="failed")
    refused, decided = await asyncio.gather(
        storage.report_outcome(failure),
        storage.decide_in_session(beside, a_step(other, spends(other, 1))),
        return_exceptions=True,
    )
    assert (type(refused), decided.call.call_id) == (StorageError, beside.call_id)
    await storage.decide_in_session(
        a_call(task),
        a_step(task, demand._replace(amount="0"), judge=lambda view: Verdict(None, view.session, repaired)),
    )
    await storage.report_outcome(failure)
    assert await used(storage, task) == {(task.task_id, "amount"): "0"}


async def test_failures_and_calls_at_once_never_lose_a_cent(storage):
    task = a_task()
    first = [a_call(task) for _ in range(10)]
    await asyncio.gather(
        *(storage.decide_in_session(call, a_step(task, spends(task, "9.99", "1000"))) for call in first)
    )
    again = [storage.decide_in_session(a_call(task), a_step(task, spends(task, "0.01", "1000"))) for _ in range(30)]
    failed = [storage.report_outcome(an_outcome(call, status="failed")) for call in first]
    await asyncio.gather(*itertools.chain.from_iterable(itertools.zip_longest(again, failed, fillvalue=done())))
    assert await used(storage, task) == {(task.task_id, "amount"): "0.3"}


async def done():
    pass
