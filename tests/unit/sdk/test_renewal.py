"""Renewing a task in the SDK: the task goes on under another grant."""

from __future__ import annotations

import pytest

from delegation.errors import InvalidRequest, NotFound, Revoked, ScopeGrew
from delegation_sdk import Scope, tool, under
from delegation_sdk.context import current_delegation

PLANNER = "spiffe://test.example/agent/planner"
HELPER = "spiffe://test.example/agent/helper"


def test_a_renewed_task_goes_on_under_another_grant(client, scope):
    with client.task("Tidy up", scope=scope, ttl="1m") as task:
        before = task.digest
        task.renew(ttl="10m")
        assert task.digest != before
        assert task.holds_key
        assert current_delegation() is task
        child = task.hand_off(HELPER)
        assert child.links[0].link_id == task.digest


def test_a_renewed_task_is_completed_as_any(client, scope, authority):
    task = client.begin_task("Tidy up", scope=scope)
    task.renew()
    task.complete()
    with pytest.raises(Revoked):
        client.reissue(task.task_id)


def test_what_was_handed_on_before_falls(client, scope):
    task = client.begin_task("Tidy up", scope=scope)
    child = task.hand_off(HELPER)
    task.renew()
    with pytest.raises(Revoked):
        client.hand_off(child, HELPER)


def test_a_renewal_may_narrow_and_not_widen(client, scope):
    narrow = Scope(tool("files", "read", path=under("/srv/docs")))
    task = client.begin_task("Tidy up", scope=scope)
    task.renew(scope=narrow)
    assert task.scope == narrow
    with pytest.raises(ScopeGrew):
        task.renew(scope=scope)
    assert task.scope == narrow


def test_a_task_whose_key_was_lost_is_issued_anew(client, scope):
    lost = client.begin_task("Tidy up", scope=scope)
    task = client.reissue(lost.task_id)
    assert task.task_id == lost.task_id
    assert task.leaf.holder_key != lost.leaf.holder_key
    assert task.scope == lost.scope
    with pytest.raises(Revoked):
        client.hand_off(lost, HELPER)
    task.hand_off(HELPER)
    task.complete()


def test_only_a_grant_is_renewed(client, scope):
    task = client.begin_task("Tidy up", scope=scope)
    with pytest.raises(InvalidRequest):
        client.renew(task.hand_off(HELPER))


def test_a_task_that_is_not_there_is_not_issued_anew(client):
    with pytest.raises(NotFound):
        client.reissue(bytes(16))


async def test_with_asyncio_it_is_the_same(authority, scope):
    async with authority.async_client(PLANNER) as client, client.task("Tidy up", scope=scope) as task:
        before = task.digest
        await task.renew()
        assert task.digest != before
        with pytest.raises(NotFound):
            await client.reissue(bytes(16))


async def test_with_asyncio_a_lost_key_is_replaced(authority, scope):
    async with authority.async_client(PLANNER) as client:
        lost = await client.begin_task("Tidy up", scope=scope)
        task = await client.reissue(lost.task_id)
        assert task.leaf.holder_key != lost.leaf.holder_key
        await task.complete()
