"""Contract: a task's grant is replaced once, with the revocation of the former one; agents come and go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.errors import Conflict
from delegation.storage.preconditions import REVOCATION_KEPT_MS, Fence
from delegation.storage.records import AgentRecord, RevocationRecord
from delegation.storage.refused_writes import NotRecordedError, RevokedMeanwhileError
from storage.made import NOW_MS, PLANNER, READER, a_link, a_task, an_idempotency, digest, next_id

LATER_MS = NOW_MS + 3_600_000


@pytest.fixture
async def task(storage):
    task = a_task()
    await storage.add_grant(task, a_link(task))
    return task


def renewed(task, **fields):
    return replace(a_link(task), link_id=digest(next_id()), expires_ms=LATER_MS, **fields)


def end_of(task, link_id=None):
    return RevocationRecord("link", link_id or task.grant_link_id, NOW_MS, task.expires_ms, PLANNER, "renewed")


async def test_the_task_has_the_new_grant_and_the_former_one_is_revoked(storage, task):
    link = renewed(task)
    position = await storage.renew_grant(task.grant_link_id, link, revocation=end_of(task))
    now = await storage.task(task.task_id)
    assert (now.grant_link_id, now.expires_ms) == (link.link_id, LATER_MS)
    assert {each.link_id for each in await storage.links_of_task(task.task_id)} == {task.grant_link_id, link.link_id}
    assert await storage.chain(link.link_id) == (link,)
    page = await storage.feed(0, 10)
    assert (page.entries[-1].kind, page.entries[-1].id) == ("link", task.grant_link_id)
    assert position == page.head_position == page.entries[-1].position


async def test_whoever_waits_for_the_feed_hears_of_it(storage, task):
    before = await storage.head_position()
    position = await storage.renew_grant(task.grant_link_id, renewed(task), revocation=end_of(task))
    assert await storage.feed_beyond(before) == position


async def test_a_grant_is_replaced_once(storage, task):
    await storage.renew_grant(task.grant_link_id, renewed(task), revocation=end_of(task))
    before = await storage.head_position()
    other = renewed(task)
    with pytest.raises(NotRecordedError):
        await storage.renew_grant(task.grant_link_id, other, revocation=end_of(task))
    assert await storage.chain(other.link_id) == ()
    assert await storage.head_position() == before


async def test_the_grant_of_an_ended_task_is_not_replaced(storage, task):
    revocation = RevocationRecord("task", task.task_id, NOW_MS, task.expires_ms, PLANNER, "completed")
    await storage.complete_task(task.task_id, completed_ms=NOW_MS, completed_by=PLANNER, revocation=revocation)
    with pytest.raises(NotRecordedError):
        await storage.renew_grant(task.grant_link_id, renewed(task), revocation=end_of(task))


async def test_what_was_revoked_meanwhile_is_not_renewed(storage, task):
    position = await storage.head_position()
    await storage.revoke([end_of(task)])
    fence = Fence(position, frozenset({("link", task.grant_link_id)}))
    link = renewed(task)
    with pytest.raises(RevokedMeanwhileError):
        await storage.renew_grant(task.grant_link_id, link, revocation=end_of(task), fence=fence)
    assert (await storage.task(task.task_id)).grant_link_id == task.grant_link_id


async def test_the_same_request_is_made_once_and_its_response_kept(storage, task):
    keep = an_idempotency(task.task_id.hex())
    first = renewed(task)
    position = await storage.renew_grant(task.grant_link_id, first, revocation=end_of(task), idempotency=keep)
    again = await storage.renew_grant(
        first.link_id, renewed(task), revocation=end_of(task, first.link_id), idempotency=replace(keep, response=b"2")
    )
    assert again == position
    assert await storage.earlier_response(keep.key) == keep.response
    assert (await storage.task(task.task_id)).grant_link_id == first.link_id


async def test_the_same_key_with_another_request_is_a_conflict_and_changes_nothing(storage, task):
    keep = an_idempotency(task.task_id.hex())
    first = renewed(task)
    await storage.renew_grant(task.grant_link_id, first, revocation=end_of(task), idempotency=keep)
    other = replace(keep, key=replace(keep.key, request_digest=digest("another request")))
    with pytest.raises(Conflict):
        await storage.renew_grant(
            first.link_id, renewed(task), revocation=end_of(task, first.link_id), idempotency=other
        )
    assert (await storage.task(task.task_id)).grant_link_id == first.link_id


async def test_the_end_of_a_task_is_remembered_for_as_long_as_the_grant_it_got_meanwhile(storage, task):
    await storage.renew_grant(task.grant_link_id, renewed(task), revocation=end_of(task))
    stale = RevocationRecord("task", task.task_id, NOW_MS, task.expires_ms, PLANNER, "completed")
    await storage.complete_task(task.task_id, completed_ms=NOW_MS, completed_by=PLANNER, revocation=stale)
    (entry,) = [each for each in (await storage.feed(0, 10)).entries if each.kind == "task"]
    assert entry.expires_ms == LATER_MS + REVOCATION_KEPT_MS


# -- agents ---------------------------------------------------------------------------------------------------


async def test_an_agent_is_removed_once(storage):
    await storage.put_agent(AgentRecord(READER, "team files", NOW_MS, PLANNER))
    await storage.remove_agent(READER)
    assert await storage.agent(READER) is None
    with pytest.raises(NotRecordedError):
        await storage.remove_agent(READER)


async def test_an_agent_does_not_replace_what_somebody_else_has_registered(storage):
    by_operator = AgentRecord(READER, "team files", NOW_MS, PLANNER)
    await storage.put_agent(by_operator)
    with pytest.raises(Conflict):
        await storage.put_agent(AgentRecord(READER, "team mail", NOW_MS + 1, READER))
    await storage.put_agent(AgentRecord(READER, "team files", NOW_MS + 1, READER))
    assert await storage.agent(READER) == by_operator


async def test_somebody_else_replaces_what_an_agent_has_said_of_itself(storage):
    await storage.put_agent(AgentRecord(READER, "team mail", NOW_MS, READER))
    by_operator = AgentRecord(READER, "team files", NOW_MS + 1, PLANNER)
    await storage.put_agent(by_operator)
    assert await storage.agent(READER) == by_operator
