"""Decisions on the state of a task at two replicas: together they permit what one would."""

from __future__ import annotations

import asyncio

import pytest

from delegation.errors import Refused
from delegation.storage.postgres import PostgresServer, PostgresStorage
from delegation.storage.records import RecorderState
from delegation.storage.refused_writes import RevokedMeanwhileError
from storage.in_session import DEADLINE_SECONDS, READ, a_step, spends, that_ran, used
from storage.made import a_batch, a_call, a_fence, a_revocation, a_task, an_outcome, digest, proof_of


@pytest.fixture
async def replicas(postgres):
    server = PostgresServer(postgres.new_database())
    opened = [PostgresStorage(server) for _ in range(2)]
    await asyncio.gather(*(storage.open() for storage in opened))
    yield opened
    await asyncio.gather(*(storage.close() for storage in opened))


@pytest.mark.spec("A-12")
async def test_replicas_together_permit_what_fits_to_the_cent(replicas):
    """A hundred callers at two services, first calls of new tasks among them: nobody overspends or loses a cent."""
    for _ in range(3):
        tasks = [a_task() for _ in range(3)]
        asked = [(replicas[n % 2], tasks[n % 3 if n % 5 else -1]) for n in range(100)]
        async with asyncio.timeout(DEADLINE_SECONDS):
            decided = await asyncio.gather(
                *(
                    storage.decide_in_session(
                        a_call(task), a_step(task, spends(task, "7.01")), proof=proof_of(a_call())
                    )
                    for storage, task in asked
                )
            )
        for task in tasks:
            here = [each for (_, of), each in zip(asked, decided, strict=True) if of is task]
            permitted = sum(each.call.allowed for each in here)
            assert permitted == min(14, len(here))
            assert await used(replicas[0], task) == {(task.task_id, "amount"): f"{permitted * 7.01:.2f}"}
            session = await replicas[1].session(task.task_id)
            assert (session.calls, session.calls + session.denials) == (permitted, len(here))


@pytest.mark.parametrize("others", [0, 7])
async def test_what_a_replica_saw_last_of_the_feed_charges_nothing_after_a_revocation_at_the_other(replicas, others):
    """It finds out when it inserts, with the states of tasks locked and judged on: all of that is done once more."""
    task, ended = a_task(), a_task()
    await replicas[1].decide_in_session(a_call(), a_step(task, spends(task, 1)), fence=a_fence(0))
    await replicas[0].revoke([a_revocation("task", ended.task_id)])
    calls = [a_call() for _ in range(others)]
    deciding = [replicas[1].decide_in_session(each, a_step(task, spends(task, 9)), fence=a_fence(0)) for each in calls]
    fence = a_fence(0, ("task", ended.task_id))
    deciding.append(replicas[1].decide_in_session(a_call(), a_step(ended, spends(ended, 9)), fence=fence))
    *entered, refused = await asyncio.gather(*deciding, return_exceptions=True)
    assert isinstance(refused, RevokedMeanwhileError)
    assert [each.call.call_id for each in entered] == [each.call_id for each in calls]
    assert await used(replicas[0], task) == {(task.task_id, "amount"): str(1 + 9 * others)}
    assert await used(replicas[0], ended) == {}
    sessions = [await replicas[0].session(each.task_id) for each in (task, ended)]
    assert [(each.calls, each.denials) for each in sessions] == [(1 + others, 0), (0, 0)]


async def test_who_has_seen_more_of_the_feed_than_the_replica_wrote_last_is_charged_once(replicas):
    task, calls = a_task(), [a_call(), a_call()]
    await replicas[1].decide_in_session(a_call(), a_step(task, spends(task, 1)), fence=a_fence(0))
    await replicas[0].revoke([a_revocation()])
    deciding = [
        replicas[1].decide_in_session(call, a_step(task, spends(task, 5)), fence=a_fence(position))
        for call, position in zip(calls, (0, 1), strict=True)
    ]
    assert [each.call.call_id for each in await asyncio.gather(*deciding)] == [each.call_id for each in calls]
    assert await used(replicas[0], task) == {(task.task_id, "amount"): "11"}


async def test_replicas_that_take_the_same_tasks_crosswise_end_without_a_deadlock(replicas):
    for _ in range(5):
        tasks = [a_task() for _ in range(40)]
        asked = [replicas[0].decide_in_session(a_call(), a_step(task, spends(task, 60))) for task in tasks]
        asked += [replicas[1].decide_in_session(a_call(), a_step(task, spends(task, 60))) for task in reversed(tasks)]
        async with asyncio.timeout(DEADLINE_SECONDS):
            decided = await asyncio.gather(*asked)
        assert sum(each.call.allowed for each in decided) == len(tasks)


async def test_replicas_that_record_and_decide_of_the_same_tasks_crosswise_end_without_a_deadlock(replicas):
    for number in range(5):
        tasks = [a_task() for _ in range(30)]
        batch, calls = a_batch(RecorderState(digest(number)), 1)
        recorded = replicas[0].record_decisions(batch, calls, ran=[that_ran(task, READ) for task in reversed(tasks)])
        decided = [replicas[1].decide_in_session(a_call(), a_step(task, spends(task, 60))) for task in tasks]
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(recorded, *decided)
        assert {(await replicas[0].session(task.task_id)).calls for task in tasks} == {2}


async def test_a_failure_that_is_reported_at_both_is_given_back_once(replicas):
    task = a_task()
    calls = [a_call(task) for _ in range(20)]
    for call in calls:
        await replicas[0].decide_in_session(call, a_step(task, spends(task, 5)))
    failed = [an_outcome(call, status="failed") for call in calls[:10]]
    reported = [replicas[n % 2].report_outcome(outcome) for outcome in failed for n in range(4)]
    again = [replicas[n % 2].decide_in_session(a_call(), a_step(task, spends(task, "0.5"))) for n in range(20)]
    results = await asyncio.gather(*reported, *again, return_exceptions=True)
    assert not [result for result in results if isinstance(result, Exception) and not isinstance(result, Refused)]
    permitted = sum(result.call.allowed for result in results[len(reported) :])
    assert await used(replicas[1], task) == {(task.task_id, "amount"): f"{50 + permitted * 0.5:g}"}
