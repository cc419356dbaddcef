"""Contract: the revocation feed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from storage.made import NOW_MS, a_link, a_revocation, a_task


async def test_an_empty_feed_stands_at_zero(storage):
    assert await storage.head_position() == 0
    assert await storage.revoke([]) == 0
    page = await storage.feed(0, 10)
    assert (page.head_position, page.entries) == (0, ())


async def test_positions_are_given_in_order_without_gaps(storage):
    first, second, third = a_revocation(), a_revocation("agent", b"a"), a_revocation("link")
    assert await storage.revoke([first, second]) == 2
    assert await storage.revoke([third]) == 3
    page = await storage.feed(0, 10)
    assert page.head_position == 3
    assert page.entries == (
        replace(first, position=1),
        replace(second, position=2),
        replace(third, position=3),
    )


async def test_concurrent_revocations_leave_no_gap(storage):
    positions = await asyncio.gather(*(storage.revoke([a_revocation()]) for _ in range(100)))
    assert sorted(positions) == list(range(1, 101))
    page = await storage.feed(0, 1000)
    assert [entry.position for entry in page.entries] == list(range(1, 101))


async def test_the_feed_is_read_in_parts(storage):
    await storage.revoke([a_revocation() for _ in range(10)])
    page = await storage.feed(4, 3)
    assert [entry.position for entry in page.entries] == [5, 6, 7]
    assert page.head_position == 10


async def test_what_stands_for_as_long_is_not_entered_again(storage):
    revocation = a_revocation("agent", b"a")
    await storage.revoke([revocation])
    await storage.revoke([a_revocation("agent", b"b")])
    assert await storage.revoke([replace(revocation, why="again")]) == 1
    assert await storage.head_position() == 2


async def test_a_longer_revocation_is_entered_besides(storage):
    revocation = a_revocation("agent", b"a")
    await storage.revoke([revocation])
    longer = replace(revocation, expires_ms=revocation.expires_ms + 1)
    assert await storage.revoke([longer]) == 2


async def test_a_name_may_be_revoked_under_each_kind(storage):
    assert await storage.revoke([a_revocation("agent", b"a"), a_revocation("principal", b"a")]) == 2


async def test_a_snapshot_leaves_out_what_has_expired(storage):
    await storage.revoke([a_revocation(expires_ms=NOW_MS), a_revocation(expires_ms=NOW_MS + 1)])
    page = await storage.feed(0, 10, live_at_ms=NOW_MS)
    assert [entry.position for entry in page.entries] == [2]
    assert page.head_position == 2


async def test_positions_of_forgotten_entries_are_never_given_again(storage, backend):
    await storage.revoke([a_revocation(expires_ms=NOW_MS)])
    assert await storage.purge_expired(NOW_MS) == 1
    assert (await storage.feed(0, 10)).entries == ()
    assert await storage.revoke([a_revocation()]) == 2
    await storage.close()
    reopened = backend()
    await reopened.open()
    assert await reopened.head_position() == 2
    await reopened.close()


async def test_a_completion_whose_entry_is_forgotten_is_still_a_completion(storage):
    task = a_task()
    await storage.add_grant(task, a_link(task))
    ending = {
        "completed_ms": NOW_MS,
        "completed_by": "x",
        "revocation": a_revocation("task", task.task_id, expires_ms=NOW_MS),
    }
    await storage.complete_task(task.task_id, **ending)
    await storage.purge_expired(NOW_MS)
    assert await storage.complete_task(task.task_id, **ending) == 1


async def test_watchers_wake_when_the_feed_moves(storage):
    task = a_task()
    await storage.add_grant(task, a_link(task))
    watchers = [asyncio.create_task(storage.feed_beyond(0)) for _ in range(3)]
    later = asyncio.create_task(storage.feed_beyond(1))
    await storage.revoke([a_revocation()])
    assert await asyncio.gather(*watchers) == [1, 1, 1]
    await storage.complete_task(
        task.task_id, completed_ms=NOW_MS, completed_by="x", revocation=a_revocation("task", task.task_id)
    )
    assert await later == 2
    assert await storage.feed_beyond(0) == 2
