"""What agents did lately, in all their tasks: counted with each decision, seen by the next one, forgotten in time."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from delegation.core.agent_history import RecentActs
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason, StorageError, refusal
from delegation.storage.postgres import PostgresServer, PostgresStorage
from delegation.storage.records import RecorderState
from delegation.storage.sessions import Act, ActingAgent, CallsThatRan, SessionStep, Verdict
from storage.made import NOW_MS, PLANNER, READER, a_batch, a_call, a_task, digest, proof_of

DEADLINE_SECONDS = 120
REMEMBERED_MS = 60_000
MAIL = CatalogueTool("mail", "send", frozenset({Effect.EXTERNAL}))


def acting(agent=PLANNER, now_ms=NOW_MS):
    return ActingAgent(agent, now_ms, now_ms + REMEMBERED_MS)


def an_act(*names):
    return Act(digest(names)[:16], MAIL.effects)


def a_step(at_most=1000, task=None, seen=None, **fields):
    """A step of a call that is permitted as long as its agent has made fewer calls than so many."""

    def judge(view):
        if seen is not None:
            seen.append(view.recent)
        if view.recent is not None and view.recent.calls >= at_most:
            return Verdict(refusal(Reason.POLICY_DENIED))
        return Verdict(None, view.session.after(MAIL))

    task = task or a_task()
    made = {"agents": (), "demands": (), "judge": judge, "now_ms": NOW_MS}
    made |= {"acting": acting(), "effects": MAIL.effects}
    return SessionStep(task_id=task.task_id, expires_ms=task.expires_ms, **made | fields)


async def within(awaitables):
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await asyncio.gather(*awaitables)


def permitted(decided):
    return sum(each.call.allowed for each in decided)


@pytest.mark.spec("A-37")
async def test_an_agents_calls_of_all_its_tasks_are_counted_and_nobody_elses(storage):
    seen = []
    for _ in range(3):
        await storage.decide_in_session(a_call(), a_step(seen=seen))
    await storage.decide_in_session(a_call(), a_step(at_most=3, seen=seen))
    await storage.decide_in_session(a_call(), a_step(acting=acting(READER), seen=seen))
    assert seen == [RecentActs(n, 0, MAIL.effects if n else frozenset()) for n in (0, 1, 2, 3, 0)]
    assert await storage.recent_acts(PLANNER, NOW_MS) == RecentActs(3, 1, MAIL.effects)
    assert await storage.recent_acts(READER, NOW_MS) == RecentActs(1, 0, MAIL.effects)


async def test_where_nobody_asks_nothing_is_kept(storage):
    seen = []
    await storage.decide_in_session(a_call(), a_step(acting=None, seen=seen))
    assert seen == [None]
    assert await storage.recent_acts(PLANNER, NOW_MS) == RecentActs()


@pytest.mark.spec("A-37")
async def test_a_call_that_was_refused_before_the_state_mattered_counts_as_a_denial(storage):
    call = a_call(allowed=False, reason="tool_not_granted", layer="scope")
    step = a_step(judge=lambda view: Verdict(refusal(Reason.TOOL_NOT_GRANTED)), effects=frozenset())
    await storage.decide_in_session(call, step)
    assert await storage.recent_acts(PLANNER, NOW_MS) == RecentActs(0, 1)


async def test_the_same_question_counts_once(storage):
    call, step = a_call(), a_step()
    for _ in range(3):
        await storage.decide_in_session(call, step, proof=proof_of(call))
    assert (await storage.recent_acts(PLANNER, NOW_MS)).calls == 1


@pytest.mark.spec("A-37")
async def test_of_64_calls_at_once_in_64_tasks_as_many_are_permitted_as_the_agent_may(storage):
    decided = await within(storage.decide_in_session(a_call(), a_step(at_most=10)) for _ in range(64))
    assert permitted(decided) == 10
    assert await storage.recent_acts(PLANNER, NOW_MS) == RecentActs(10, 54, MAIL.effects)


async def test_what_spoils_a_group_is_counted_as_if_each_had_come_alone(storage):
    twice = a_call()
    steps = [a_step(at_most=10) for _ in range(20)]
    deciding = [storage.decide_in_session(a_call(), step) for step in steps]
    deciding[7:7] = [storage.decide_in_session(twice, a_step(at_most=10)) for _ in range(2)]
    async with asyncio.timeout(DEADLINE_SECONDS):
        results = await asyncio.gather(*deciding, return_exceptions=True)
    decided = [result for result in results if not isinstance(result, Exception)]
    assert len(decided) == len(results) - 1  # one call cannot be recorded twice
    assert permitted(decided) == 10
    assert (await storage.recent_acts(PLANNER, NOW_MS)).calls == 10


@pytest.mark.spec("A-37")
async def test_what_an_agent_did_is_forgotten_in_time(storage):
    for after_ms in (0, 1, 30_000):
        at = NOW_MS + after_ms
        await storage.decide_in_session(a_call(), a_step(acting=acting(now_ms=at), now_ms=at))
    left = [(await storage.recent_acts(PLANNER, NOW_MS + REMEMBERED_MS + ms)).calls for ms in (-1, 0, 1, 30_000)]
    assert left == [3, 2, 1, 0]
    seen, at = [], NOW_MS + REMEMBERED_MS
    await storage.decide_in_session(a_call(), a_step(acting=acting(now_ms=at), now_ms=at, seen=seen))
    assert seen[0].calls == 2


async def test_the_sweeper_takes_what_is_forgotten_and_nothing_before(storage):
    await storage.decide_in_session(a_call(), a_step())
    await storage.decide_in_session(a_call(), a_step(acting=acting(READER, NOW_MS + 5)))
    await storage.purge_expired(NOW_MS + REMEMBERED_MS)
    assert [(await storage.recent_acts(agent, NOW_MS)).calls for agent in (PLANNER, READER)] == [0, 1]


async def test_what_guards_decided_counts_once_they_have_recorded_it(storage):
    batch, calls = a_batch(RecorderState(digest("guard")), 3)
    task = a_task()
    ran = [CallsThatRan(task.task_id, task.expires_ms, (), (MAIL, MAIL, MAIL), 0, acting(), (an_act(1), an_act(2)))]
    for _ in range(2):  # sent again
        await storage.record_decisions(batch, calls, ran=ran)
    assert await storage.recent_acts(PLANNER, NOW_MS) == RecentActs(2, 0, MAIL.effects)
    assert permitted([await storage.decide_in_session(a_call(), a_step(at_most=2))]) == 0


async def record_in_a_batch(storage, batch_of, *acts, now_ms=NOW_MS):
    batch, calls = a_batch(RecorderState(digest(batch_of)), 1)
    task = a_task()
    ran = [CallsThatRan(task.task_id, task.expires_ms, (), (MAIL,), 0, acting(now_ms=now_ms), acts)]
    await storage.record_decisions(batch, calls, ran=ran)


async def test_a_call_that_is_recorded_again_and_again_counts_once(storage):
    for number in range(5):
        await record_in_a_batch(storage, f"guard {number}", an_act("same"), an_act("other", number))
    assert (await storage.recent_acts(PLANNER, NOW_MS)).calls == 6
    await within(record_in_a_batch(storage, f"at once {number}", an_act("at once")) for number in range(8))
    assert (await storage.recent_acts(PLANNER, NOW_MS)).calls == 7


async def test_a_call_that_was_recorded_is_known_again_until_it_is_too_old_to_be_recorded(storage):
    await record_in_a_batch(storage, "guard 0", an_act("same"))
    for number, after_ms in enumerate((REMEMBERED_MS - 1, REMEMBERED_MS, 2 * REMEMBERED_MS - 1), 1):
        await storage.purge_expired(NOW_MS + after_ms)
        await record_in_a_batch(storage, f"guard {number}", an_act("same"), now_ms=NOW_MS + after_ms)
    assert (await storage.recent_acts(PLANNER, NOW_MS + REMEMBERED_MS)).calls == 0
    await storage.purge_expired(NOW_MS + 2 * REMEMBERED_MS)
    await record_in_a_batch(storage, "guard", an_act("same"), now_ms=NOW_MS + 2 * REMEMBERED_MS)
    assert (await storage.recent_acts(PLANNER, NOW_MS + 2 * REMEMBERED_MS)).calls == 1


async def test_a_history_that_cannot_be_read_refuses_its_own_agent_alone_and_keeps_no_guard_from_recording(storage):
    await storage.decide_in_session(a_call(), a_step(acting=acting()._replace(until_ms=-1)))  # what nobody writes
    deciding = [storage.decide_in_session(a_call(), a_step(acting=acting(agent))) for agent in (PLANNER, READER)] * 1
    broken, sane = await asyncio.gather(*deciding, return_exceptions=True)
    assert isinstance(broken, StorageError)
    assert sane.call.allowed
    task = a_task()
    batch, calls = a_batch(RecorderState(digest("guard")), 1)
    ran = [CallsThatRan(task.task_id, task.expires_ms, (), (MAIL,), 0, acting(), (an_act(1),))]
    assert (await storage.record_decisions(batch, calls, ran=ran)).next_sequence == 2
    assert (await storage.session(task.task_id)).calls == 1


# -- replicas


@pytest.fixture
async def replicas(postgres):
    server = PostgresServer(postgres.new_database())
    opened = [PostgresStorage(server) for _ in range(2)]
    await asyncio.gather(*(storage.open() for storage in opened))
    yield opened
    await asyncio.gather(*(storage.close() for storage in opened))


@pytest.mark.spec("A-37")
async def test_replicas_together_permit_an_agent_what_it_may(replicas):
    for number in range(5):
        who = acting(f"{PLANNER}/{number}")
        deciding = [replicas[n % 2].decide_in_session(a_call(), a_step(at_most=10, acting=who)) for n in range(64)]
        assert permitted(await within(deciding)) == 10
        assert await replicas[0].recent_acts(who.agent, NOW_MS) == RecentActs(10, 54, MAIL.effects)


async def test_replicas_that_take_the_same_agents_and_tasks_crosswise_end_without_a_deadlock(replicas):
    """Agents that are new and such as are known, several in each task, in either order; beside what guards record."""
    for number in range(10):
        names = [f"{PLANNER}/{n}" for n in range(number * 5, number * 5 + 20)]
        pairs = list(zip(itertools.cycle([a_task() for _ in range(6)]), names))
        deciding = [
            replica.decide_in_session(a_call(), a_step(task=task, acting=acting(name)))
            for replica, some in ((replicas[0], pairs), (replicas[1], reversed(pairs)))
            for task, name in some
        ]
        batch, calls = a_batch(RecorderState(digest(number)), 1)
        ran = [
            CallsThatRan(task.task_id, task.expires_ms, (), (MAIL,), 0, acting(name), (an_act(name, number),))
            for task, name in reversed(pairs)
        ]
        deciding.append(replicas[0].record_decisions(batch, calls, ran=ran))
        *decided, _ = await within(deciding)
        assert permitted(decided) == len(decided)
    counted = [(await replicas[1].recent_acts(f"{PLANNER}/{n}", NOW_MS)).calls for n in range(65)]
    assert sum(counted) == 10 * 20 * 3
