"""Contract: grants, handoffs, the end of a task."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from delegation.errors import Conflict
from delegation.storage.preconditions import REVOCATION_KEPT_MS
from delegation.storage.refused_writes import NotRecordedError, RevokedMeanwhileError
from storage.made import (
    NOW_MS,
    READER,
    a_fence,
    a_link,
    a_revocation,
    a_task,
    an_idempotency,
    digest,
)


async def granted(storage, **fields):
    task = a_task(**fields)
    grant = a_link(task)
    await storage.add_grant(task, grant)
    return task, grant


async def test_a_grant_is_read_back_as_it_was_recorded(storage):
    task, grant = await granted(storage)
    assert await storage.task(task.task_id) == task
    assert await storage.links_of_task(task.task_id) == (grant,)
    assert await storage.chain(grant.link_id) == (grant,)


async def test_a_handoff_is_read_back_with_what_was_noted_of_it(storage):
    task, grant = await granted(storage)
    judged, unjudged = a_link(task, grant, vouched=True), a_link(task, grant, unjudged=True)
    await storage.add_handoffs([judged, unjudged])
    assert await storage.chain(judged.link_id) == (grant, judged)
    assert await storage.chain(unjudged.link_id) == (grant, unjudged)


async def test_what_is_not_recorded_is_not_found(storage):
    assert await storage.task(b"x" * 16) is None
    assert await storage.chain(digest("x")) == ()
    assert await storage.links_of_task(b"x" * 16) == ()


async def test_a_chain_is_read_from_grant_to_leaf_without_its_siblings(storage):
    task, grant = await granted(storage)
    child = a_link(task, grant)
    sibling = a_link(task, grant)
    grandchild = a_link(task, child)
    assert await storage.add_handoffs([child, sibling]) == (child, sibling)
    await storage.add_handoffs([grandchild])
    assert await storage.chain(grandchild.link_id) == (grant, child, grandchild)
    assert set(await storage.links_of_task(task.task_id)) == {grant, child, sibling, grandchild}


async def test_a_link_recorded_again_stays_as_it_was(storage):
    task, grant = await granted(storage)
    child = a_link(task, grant)
    await storage.add_handoffs([child])
    again = replace(child, receipt=b"another receipt", recorded_ms=NOW_MS + 1)
    other = a_link(task, child)
    assert await storage.add_handoffs([again, other]) == (child, other)
    assert await storage.chain(other.link_id) == (grant, child, other)


async def test_the_same_task_cannot_be_granted_twice(storage):
    task, grant = await granted(storage)
    with pytest.raises(Conflict):
        await storage.add_grant(task, replace(grant, link_id=digest("other")))
    assert await storage.links_of_task(task.task_id) == (grant,)


async def test_a_repeated_request_gets_its_first_response_and_records_nothing(storage):
    task, second = a_task(), a_task()
    assert await storage.add_grant(task, a_link(task), idempotency=an_idempotency("k")) is None
    repeated = an_idempotency("k", response=b"another response")
    assert await storage.add_grant(second, a_link(second), idempotency=repeated) == b"response"
    assert await storage.task(second.task_id) is None
    assert await storage.earlier_response(repeated.key) == b"response"


async def test_an_idempotency_key_serves_one_request(storage):
    task, second = a_task(), a_task()
    await storage.add_grant(task, a_link(task), idempotency=an_idempotency("k"))
    other = an_idempotency("k", request="another request")
    with pytest.raises(Conflict):
        await storage.add_grant(second, a_link(second), idempotency=other)
    with pytest.raises(Conflict):
        await storage.add_handoffs([a_link(task, a_link(task))], idempotency=other)
    with pytest.raises(Conflict):
        await storage.earlier_response(other.key)
    assert await storage.task(second.task_id) is None
    assert len(await storage.links_of_task(task.task_id)) == 1


async def test_an_unused_idempotency_key_has_no_response(storage):
    assert await storage.earlier_response(an_idempotency("unused").key) is None


async def test_of_concurrent_repetitions_one_is_recorded(storage):
    tasks = [a_task() for _ in range(20)]
    writes = [storage.add_grant(task, a_link(task), idempotency=an_idempotency("k")) for task in tasks]
    responses = await asyncio.gather(*writes)
    assert responses.count(None) == 1
    assert responses.count(b"response") == 19
    recorded = [task for task in tasks if await storage.task(task.task_id)]
    assert len(recorded) == 1


async def test_a_handoff_repeated_under_its_key_gets_what_is_recorded(storage):
    task, grant = await granted(storage)
    child = a_link(task, grant)
    await storage.add_handoffs([child], idempotency=an_idempotency("h"))
    again = replace(child, receipt=b"another receipt")
    assert await storage.add_handoffs([again], idempotency=an_idempotency("h")) == (child,)


@pytest.mark.spec("T-5")
async def test_a_handoff_that_rests_on_something_revoked_meanwhile_is_refused_whole(storage):
    task, grant = await granted(storage)
    key = ("holder_key", grant.holder_key)
    position = await storage.revoke([a_revocation(*key)])
    child = a_link(task, grant)
    with pytest.raises(RevokedMeanwhileError) as refused:
        await storage.add_handoffs([child], fence=a_fence(position - 1, key), idempotency=an_idempotency("h"))
    assert (refused.value.kind, refused.value.revoked_id) == key
    assert await storage.chain(child.link_id) == ()
    assert await storage.earlier_response(an_idempotency("h").key) is None


@pytest.mark.spec("R-3")
async def test_completing_a_task_ends_it_and_says_so_in_the_feed(storage):
    task, _ = await granted(storage)
    revocation = a_revocation("task", task.task_id, expires_ms=task.expires_ms + REVOCATION_KEPT_MS)
    position = await storage.complete_task(
        task.task_id, completed_ms=NOW_MS + 9, completed_by=READER, revocation=revocation
    )
    assert await storage.task(task.task_id) == replace(task, completed_ms=NOW_MS + 9, completed_by=READER)
    feed = await storage.feed(position - 1, 10)
    assert feed.entries == (replace(revocation, position=position),)


async def test_of_many_completions_at_once_each_ends_its_own_task_once(storage):
    """Some twice, some of tasks that are over or that nobody knows: they are written together, and answered apart."""
    tasks = [(await granted(storage))[0] for _ in range(12)]
    over = await complete(storage, tasks[0])
    asked = [*tasks, *tasks[4:8], a_task()]
    *positions, unknown = await asyncio.gather(*(complete(storage, task) for task in asked), return_exceptions=True)
    assert isinstance(unknown, NotRecordedError)
    assert positions[0] == over == 1
    assert sorted(positions[1:12]) == list(range(2, 13))
    assert positions[12:] == positions[4:8]
    entered = {entry.id: entry.position for entry in (await storage.feed(0, 100)).entries}
    assert [entered[task.task_id] for task in tasks] == positions[:12]
    completed = [await storage.task(task.task_id) for task in tasks]
    assert all(task is not None and task.completed_ms == NOW_MS for task in completed)


async def complete(storage, task):
    revocation = a_revocation("task", task.task_id)
    return await storage.complete_task(task.task_id, completed_ms=NOW_MS, completed_by=READER, revocation=revocation)


async def test_completing_again_changes_nothing(storage):
    task, _ = await granted(storage)
    revocation = a_revocation("task", task.task_id)
    first = await storage.complete_task(task.task_id, completed_ms=NOW_MS, completed_by=READER, revocation=revocation)
    await storage.revoke([a_revocation("agent", b"somebody else")])
    again = await storage.complete_task(
        task.task_id, completed_ms=NOW_MS + 1, completed_by="another", revocation=revocation
    )
    completed = await storage.task(task.task_id)
    assert again == first
    assert completed is not None
    assert (completed.completed_ms, completed.completed_by) == (NOW_MS, READER)


async def test_an_unknown_task_cannot_be_completed(storage):
    with pytest.raises(NotRecordedError):
        await storage.complete_task(b"x" * 16, completed_ms=NOW_MS, completed_by=READER, revocation=a_revocation())
    assert await storage.head_position() == 0
