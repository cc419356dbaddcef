"""Contract: lists of tasks and calls, their filters and pages."""

from __future__ import annotations

import asyncio

import pytest

from delegation.storage.listing import CallFilter, TaskFilter
from storage.made import FILES, NOW_MS, PLANNER, READER, a_call, a_link, a_revocation, a_task

MAIL = "spiffe://example.org/tool/mail"


async def all_pages(read, which, limit):
    items, cursor = [], None
    while True:
        page = await read(which, cursor=cursor, limit=limit)
        items += page.items
        assert len(page.items) <= limit
        if page.next_cursor is None:
            return items
        cursor = page.next_cursor


async def entered(storage, *calls):
    await asyncio.gather(*(storage.decide(call) for call in calls))
    return list(reversed(calls))


async def granted(storage, count=1, **fields):
    tasks = [a_task(**fields) for _ in range(count)]
    await asyncio.gather(*(storage.add_grant(task, a_link(task)) for task in tasks))
    return list(reversed(tasks))


async def test_calls_are_listed_newest_first(storage):
    calls = await entered(storage, *(a_call() for _ in range(10)))
    assert await all_pages(storage.calls, CallFilter(), 100) == calls


@pytest.mark.parametrize("limit", [1, 3, 9, 10, 11])
async def test_pages_hold_every_call_once(storage, limit):
    calls = await entered(storage, *(a_call() for _ in range(10)))
    assert await all_pages(storage.calls, CallFilter(), limit) == calls


async def test_the_last_page_has_no_cursor_even_if_it_is_full(storage):
    await entered(storage, *(a_call() for _ in range(4)))
    page = await storage.calls(CallFilter(), limit=4)
    assert (len(page.items), page.next_cursor) == (4, None)
    assert (await storage.calls(CallFilter(tool="none"))).items == ()


async def test_pages_stay_as_they_are_while_calls_are_added(storage):
    calls = await entered(storage, *(a_call() for _ in range(6)))
    first = await storage.calls(CallFilter(), limit=3)
    await entered(storage, *(a_call() for _ in range(5)))
    second = await storage.calls(CallFilter(), cursor=first.next_cursor, limit=3)
    assert [*first.items, *second.items] == calls


async def test_calls_are_filtered_by_each_field_and_by_all(storage):
    task = a_task()
    wanted = a_call(task, tool="delete_file", leaf_agent=PLANNER).denied("argument_refused", "scope", 1)
    others = [
        a_call(task),
        a_call(tool="delete_file"),
        a_call(audience=MAIL),
        a_call(leaf_agent=PLANNER),
        a_call().denied("expired", "time"),
        a_call().denied("chain_missing", "malformed", observed="listed"),
    ]
    await entered(storage, wanted, *others)

    async def found(**fields):
        return set((await storage.calls(CallFilter(**fields))).items)

    task_call, same_tool, at_mail, by_planner, expired, ran = others
    assert await found(task_id=task.task_id) == {wanted, task_call}
    assert await found(tool="delete_file") == {wanted, same_tool}
    assert await found(audiences=(MAIL,)) == {at_mail}
    assert await found(audiences=(MAIL, FILES)) == {wanted, *others}
    assert await found(audiences=()) == set()
    assert await found(agent=PLANNER) == {wanted, by_planner}
    assert await found(allowed=False) == {wanted, expired, ran}
    assert await found(observed=True) == await found(observed=True, allowed=False) == {ran}
    assert await found(observed=False) == {wanted, *others} - {ran}
    assert await found(observed=True, allowed=True) == set()
    assert await found(allowed=True) == {task_call, same_tool, at_mail, by_planner}
    everything = {"task_id": task.task_id, "tool": "delete_file", "audiences": (FILES,), "agent": PLANNER}
    assert await found(**everything, allowed=False) == {wanted}
    assert await found(**everything, allowed=True) == set()


@pytest.mark.parametrize(
    "which",
    [
        CallFilter(audiences=(FILES,)),
        CallFilter(tool="read_file"),
        CallFilter(agent=READER),
        CallFilter(allowed=False),
    ],
    ids=["audience", "tool", "agent", "denied"],
)
async def test_filtered_lists_are_paged_too(storage, which):
    fitting = [a_call().denied("expired", "time") for _ in range(7)]
    for call in fitting:
        await storage.decide(call)
        await storage.decide(a_call(audience=MAIL, tool="send", leaf_agent=PLANNER))
    assert await all_pages(storage.calls, which, 2) == list(reversed(fitting))


async def test_tasks_are_paged_newest_first(storage):
    tasks = await granted(storage, 7)
    assert await all_pages(storage.tasks, TaskFilter(), 3) == tasks


async def test_tasks_are_filtered_by_holder_caller_and_member(storage):
    (mine,) = await granted(storage, holder_agent=READER, caller="somebody")
    (theirs,) = await granted(storage, holder_agent=PLANNER)

    async def found(**fields):
        return list((await storage.tasks(TaskFilter(**fields))).items)

    assert await found(holder_agent=READER) == [mine]
    assert await found(caller="somebody") == [mine]
    assert await found(member=READER) == [mine]
    grant = a_link(theirs)
    await storage.add_handoffs([a_link(theirs, grant), a_link(theirs, grant)])  # both to the reader
    assert await found(member=READER) == [theirs, mine]
    assert await found(member=READER, holder_agent=PLANNER) == [theirs]
    assert await found(member="nobody") == []


async def test_a_members_tasks_are_paged_without_repetition(storage):
    tasks = await granted(storage, 5)
    for task in tasks:
        await storage.add_handoffs([a_link(task, a_link(task)) for _ in range(3)])
    await granted(storage, 3)
    assert await all_pages(storage.tasks, TaskFilter(member=READER), 2) == tasks


async def test_active_tasks_are_neither_completed_nor_expired(storage):
    (active,) = await granted(storage)
    await granted(storage, expires_ms=NOW_MS)
    (completed,) = await granted(storage)
    await storage.complete_task(
        completed.task_id,
        completed_ms=NOW_MS,
        completed_by=PLANNER,
        revocation=a_revocation("task", completed.task_id),
    )
    page = await storage.tasks(TaskFilter(active_at_ms=NOW_MS))
    assert page.items == (active,)
