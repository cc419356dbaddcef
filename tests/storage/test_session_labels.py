"""What calls leave in the state of their task and with their agents: also those that a guard permitted by itself."""

from __future__ import annotations

import asyncio

import pytest

from delegation.core.hearsay import Heard, heard_in, noted_unpermitted
from delegation.core.session import TaskSession
from delegation.core.trust import Effect
from delegation.errors import StorageError
from delegation.storage.records import RecorderState
from storage.in_session import DEADLINE_SECONDS, READ, REFUND, STICK_MS, a_step, spends, spoil, that_ran, used
from storage.made import NOW_MS, READER, a_batch, a_call, a_link, a_task, digest

# -- labels


async def test_labels_stick_to_the_agents_of_the_chain_in_other_tasks_for_a_while(storage):
    seen = []
    await storage.decide_in_session(a_call(), a_step(a_task(), tool=READ))
    other = a_task()
    await storage.decide_in_session(a_call(), a_step(other, seen=seen, agents=(READER,)))
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, agents=("spiffe://example.org/other",)))
    after = NOW_MS + STICK_MS
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, agents=(READER,), now_ms=after))
    assert [sorted(view.session.labels) for view in seen] == [["personal"], [], []]
    assert (await storage.session(other.task_id)).labels == {"personal"}


async def test_a_label_sticks_as_long_as_its_last_reading_says(storage):
    for until_ms in (NOW_MS + 5, NOW_MS + 50, NOW_MS + 10):
        await storage.decide_in_session(a_call(), a_step(a_task(), tool=READ, labels_until_ms=until_ms))
    seen = []
    for now_ms in (NOW_MS + 49, NOW_MS + 50):
        await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, now_ms=now_ms))
    assert [bool(view.session.labels) for view in seen] == [True, False]


async def test_a_refused_call_labels_nobody(storage):
    task = a_task()
    await storage.decide_in_session(a_call(), a_step(task, spends(task, 101), tool=READ))
    seen = []
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen))
    assert not seen[0].session.labels


@pytest.mark.spec("A-30")
async def test_a_refused_call_that_runs_all_the_same_leaves_what_it_read_and_uses_nothing(storage):
    task = a_task()
    call, anyway = a_call(task), that_ran(task, observed=(noted_unpermitted(READ),))
    decided = await storage.decide_in_session(call, a_step(task, spends(task, 101), anyway=anyway))
    assert decided.refusal is not None
    denied = call.denied("budget_exceeded", "condition", 0, observed="listed")
    assert decided.call == await storage.call(call.call_id) == denied
    session = await storage.session(task.task_id)
    heard = Heard(frozenset(), frozenset({"personal"}), frozenset({Effect.READ}))
    assert (heard_in(session.labels), session.denials) == (heard, 1)
    assert (session.calls, dict(session.effects), dict(session.tools)) == (0, {}, {})  # no rule is met by it
    assert await used(storage, task) == {}
    seen = []
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, agents=(READER,)))
    assert heard_in(seen[0].session.labels) == heard._replace(declared_effects=frozenset())


@pytest.mark.spec("A-30")
async def test_benign_what_a_permitted_call_of_a_tool_under_observation_leaves_is_noted_once(storage):
    task = a_task()
    call, anyway = a_call(task), that_ran(task, observed=(noted_unpermitted(READ),))
    step = a_step(task, spends(task, 40), tool=READ, anyway=anyway)
    decided = await storage.decide_in_session(call, step)
    assert (decided.call.call_id, decided.call.allowed, decided.refusal) == (call.call_id, True, None)
    session = await storage.session(task.task_id)
    assert (session.labels, session.calls, session.denials) == ({"personal"}, 1, 0)
    assert await used(storage, task) == {(task.task_id, "amount"): "40"}


async def test_a_new_task_begins_with_the_labels_of_its_holder_and_keeps_them(storage):
    await storage.decide_in_session(a_call(), a_step(a_task(), tool=READ))
    task = a_task(created_ms=NOW_MS + 1)
    await storage.add_grant(task, a_link(task))
    assert (await storage.session(task.task_id)).labels == {"personal"}
    seen = []
    late = NOW_MS + STICK_MS + 1
    await storage.decide_in_session(a_call(task), a_step(task, seen=seen, now_ms=late))
    assert seen[0].session.labels == {"personal"}
    unlabelled = a_task(created_ms=late)
    await storage.add_grant(unlabelled, a_link(unlabelled))
    assert await storage.session(unlabelled.task_id) == TaskSession()


# -- what guards have permitted by themselves


async def test_calls_that_a_guard_records_are_noted_with_their_tasks_and_agents_once(storage):
    state = RecorderState(digest("guard"))
    batch, calls = a_batch(state, 4)
    task, other, seen = a_task(), a_task(), []
    ran = [that_ran(task, READ, REFUND, REFUND), that_ran(other, REFUND, agents=())]
    for _ in range(2):  # sent again
        await storage.record_decisions(batch, calls, ran=ran)
    assert await storage.session(task.task_id) == TaskSession().after(READ).after(REFUND).after(REFUND)
    assert await storage.session(other.task_id) == TaskSession().after(REFUND)
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, agents=(READER,)))
    assert seen[0].session.labels == {"personal"}


async def test_recorded_calls_that_leave_nothing_begin_no_state(storage):
    task = a_task()
    batch, calls = a_batch(RecorderState(digest("guard")), 2)
    await storage.record_decisions(batch, [call._replace(task_id=task.task_id) for call in calls])
    assert await storage.session(task.task_id) == TaskSession()


async def test_what_ran_is_noted_beside_what_is_decided_meanwhile(storage):
    task, state, batches = a_task(), RecorderState(digest("guard")), []
    for _ in range(10):
        batch, calls = a_batch(state, 2)
        state = RecorderState(state.guard_key, state.next_sequence + 2, batch.last_hash)
        batches.append((batch, calls))

    async def recorded():
        for batch, calls in batches:
            await storage.record_decisions(batch, calls, ran=[that_ran(task, READ, READ)])

    decided = [storage.decide_in_session(a_call(), a_step(task, spends(task, 1, "1000"))) for _ in range(30)]
    async with asyncio.timeout(DEADLINE_SECONDS):
        await asyncio.gather(recorded(), *decided)
    session = await storage.session(task.task_id)
    assert (session.calls, session.labels) == (50, {"personal"})


async def test_a_state_that_cannot_be_read_keeps_no_guard_from_recording(storage, backend):
    broken, sane, seen = a_task(), a_task(), []
    await spoil(backend, broken)
    batch, calls = a_batch(RecorderState(digest("guard")), 2)
    recorded = await storage.record_decisions(batch, calls, ran=[that_ran(broken, READ), that_ran(sane, REFUND)])
    assert recorded.next_sequence == 3
    assert (await storage.session(sane.task_id)).calls == 1
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen))
    assert seen[0].session.labels == {"personal"}
    with pytest.raises(StorageError):
        await storage.session(broken.task_id)
