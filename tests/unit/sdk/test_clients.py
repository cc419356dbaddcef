from __future__ import annotations

import inspect

import pytest

from delegation.errors import RequestFailed, Revoked, ScopeGrew, ServiceUnavailable
from delegation_sdk import Scope, aio, client, tool, under
from delegation_sdk.context import current_delegation

PLANNER = "spiffe://test.example/agent/planner"
HELPER = "spiffe://test.example/agent/helper"


def calls(guard, delegation, path="/srv/a"):
    call = delegation.call("files", "read", {"path": path})
    return guard.authorize(call.carriage, "read", call.arguments)


def calls_until_refused(guard, delegation):
    """Call until the guard knows: the feed is quick, but it is another thread."""
    while True:
        calls(guard, delegation)


def wait_until_revoked(guard, delegation):
    with pytest.raises(Revoked):
        calls_until_refused(guard, delegation)


def fail_while_the_service_is_gone(authority):
    authority.reachable = False
    raise ZeroDivisionError


def test_leaving_the_block_completes_the_task(client, scope, guard):
    with client.task("Tidy up", scope=scope) as task:
        assert current_delegation() is task
        helper = task.hand_off(HELPER, scope=task.scope.only("files", "read"))
        calls(guard, helper)

    assert current_delegation() is None
    wait_until_revoked(guard, helper)


def test_an_error_in_the_block_completes_the_task_and_comes_through(client, scope, guard):
    with pytest.raises(ZeroDivisionError), client.task("Tidy up", scope=scope) as task:
        1 / 0  # noqa: B018

    wait_until_revoked(guard, task)


def test_a_failed_completion_is_an_error(client, scope, authority):
    with pytest.raises(ServiceUnavailable), client.task("Tidy up", scope=scope):
        authority.reachable = False


def test_a_failed_completion_never_masks_the_error_of_the_block(client, scope, authority):
    with pytest.raises(ZeroDivisionError) as caught, client.task("Tidy up", scope=scope):
        fail_while_the_service_is_gone(authority)

    assert "could not be completed" in caught.value.__notes__[0]


def test_a_task_is_completed_once(task):
    task.complete()
    task.complete()


def test_a_handoff_asking_for_more_names_the_field(task):
    with pytest.raises(ScopeGrew) as caught:
        task.hand_off(HELPER, scope=Scope(tool("files", "read", path=under("/etc"))))
    assert caught.value.field == "scope[files.read].path"


def test_children_hand_off_in_turn(helper, guard):
    grandchild = helper.hand_off("spiffe://test.example/agent/sub", ttl="30s", purpose="look it up")

    assert len(grandchild.links) == 3
    assert calls(guard, grandchild).chain.agents[-1] == "spiffe://test.example/agent/sub"


def test_an_offline_handoff_works_and_is_recorded_later(client, scope, authority, guard):
    task = client.begin_task("Tidy up", scope=scope, unrecorded_handoffs=True)
    authority.reachable = False
    helper = task.hand_off(HELPER)
    assert not helper.recorded
    assert calls(guard, helper).agent == HELPER

    authority.reachable = True
    assert client.record(helper).recorded


def test_without_permission_there_is_no_offline_handoff(task, authority):
    authority.reachable = False
    with pytest.raises(ServiceUnavailable):
        task.hand_off(HELPER)


def test_a_revoked_handoff_ends_and_its_delegator_goes_on(task, helper, guard):
    task.revoke(helper)

    wait_until_revoked(guard, helper)
    calls(guard, task)


def test_a_delegation_travels_to_another_process_and_on(client, helper, guard):
    loaded = client.load(helper.export_with_key())

    calls(guard, loaded.hand_off("spiffe://test.example/agent/sub"))


def test_what_the_service_does_not_offer_is_an_error_of_the_tree(client):
    with pytest.raises(RequestFailed):
        client.request_offer(HELPER)
    with pytest.raises(RequestFailed):
        client.listen().open()


async def test_asyncio_does_the_same(authority, scope, guard):
    async with authority.async_client(PLANNER) as client:
        async with client.task("Tidy up", scope=scope) as task:
            assert current_delegation() is task
            helper = await task.hand_off(HELPER, scope=task.scope.only("files", "read"))
            async with helper.call("files", "read", {"path": "/srv/a"}) as call:
                await guard.aio.authorize(call.carriage, "read", call.arguments)
            loaded = client.load(helper.export_with_key())
            await task.revoke(loaded)
        wait_until_revoked(guard, task)


async def test_asyncio_never_masks_the_error_of_the_block(authority, scope):
    client = authority.async_client(PLANNER)
    with pytest.raises(ZeroDivisionError) as caught:
        async with client.task("Tidy up", scope=scope):
            fail_while_the_service_is_gone(authority)

    assert caught.value.__notes__


# -- both drivers have the same surface

TWINS = [
    (client.Client, aio.AsyncClient),
    (client.ConnectedDelegation, aio.AsyncConnectedDelegation),
    (client.Task, aio.AsyncTask),
    (client.Listener, aio.AsyncListener),
]
DUNDERS = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__", "__next__": "__anext__"}


def surface(kind, renamed=None):
    """Every public name of a class with its parameters and its documentation."""
    found = {}
    for name, member in inspect.getmembers(kind):
        if callable(member) and (not name.startswith("_") or name in (*DUNDERS, *DUNDERS.values())):
            parameters = [
                (each.name, each.kind, each.default) for each in inspect.signature(member).parameters.values()
            ]
            found[(renamed or {}).get(name, name)] = (parameters, (member.__doc__ or "").replace("Async", ""))
    return found


@pytest.mark.parametrize(("blocking", "asynchronous"), TWINS, ids=lambda kind: kind.__name__)
def test_both_drivers_have_one_surface(blocking, asynchronous):
    assert surface(blocking, DUNDERS) == surface(asynchronous)
