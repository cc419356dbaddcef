"""How many requests for approval may be open: under a link, in a task, of a grant's holder, for a principal."""

from __future__ import annotations

import pytest

from delegation.storage.approvals import OPEN_IN_A_TASK, OPEN_UNDER_A_LINK, PENDING, ApprovalFilter
from delegation.storage.refused_writes import TooManyOpenError
from storage.approving import LIVES_MS, a_key, a_step, making, opened
from storage.made import NOW_MS, PLANNER, READER, a_task, digest

BOUNDS = "delegation.storage.operations.approvals"


async def test_a_task_has_only_so_many_open_requests(storage):
    task = a_task()
    for number in range(OPEN_IN_A_TASK):
        link = digest(f"link {number % 4}")
        await opened(storage, task, a_key(str(number), link_id=link))
    key = a_key("one more", link_id=task.grant_link_id)
    with pytest.raises(TooManyOpenError):
        await opened(storage, task, key)
    (first,) = (await storage.approval_requests(ApprovalFilter(task_id=task.task_id), limit=1)).items
    await storage.withdraw_approval(first, withdrawn_by=READER, now_ms=NOW_MS)
    assert (await opened(storage, task, key)).state == PENDING


async def test_one_link_leaves_room_for_the_others_of_its_task(storage):
    task = a_task()
    for number in range(OPEN_UNDER_A_LINK):
        await opened(storage, task, a_key(str(number), link_id=task.grant_link_id))
    with pytest.raises(TooManyOpenError):
        await opened(storage, task, a_key("one more", link_id=task.grant_link_id))
    assert (await opened(storage, task, a_key("one more", link_id=digest("child")))).state == PENDING


@pytest.mark.parametrize(
    ("bound", "others"),
    [
        ("OPEN_OF_A_HOLDER", {"holder": READER}),
        ("OPEN_OF_A_PRINCIPAL", {"principal_subject": "bob"}),
        ("OPEN_OF_A_PRINCIPAL", {"principal_issuer": "https://other.example.org"}),
    ],
)
async def test_tasks_of_one_holder_or_for_one_principal_leave_room_for_others(storage, monkeypatch, bound, others):
    monkeypatch.setattr(f"{BOUNDS}.{bound}", 3)
    tasks = [a_task() for _ in range(4)]
    for task in tasks[:3]:
        await opened(storage, task, holder=PLANNER)
    with pytest.raises(TooManyOpenError):
        await opened(storage, tasks[3], holder=PLANNER)
    assert (await opened(storage, tasks[3], **{"holder": PLANNER, **others})).state == PENDING


async def test_what_has_expired_or_is_answered_takes_no_room(storage, monkeypatch):
    monkeypatch.setattr(f"{BOUNDS}.OPEN_OF_A_HOLDER", 1)
    task, later = a_task(), NOW_MS + LIVES_MS
    await opened(storage, task, holder=PLANNER)
    step = a_step(a_task(), now_ms=later)
    opened_later = await storage.open_approval(step, making(task, holder=PLANNER, expires_ms=later + LIVES_MS))
    assert opened_later.request.state == PENDING


async def test_a_task_opens_only_so_many_requests_in_all_whatever_was_withdrawn(storage, monkeypatch):
    monkeypatch.setattr("delegation.storage.operations.approvals.REQUESTS_OF_A_TASK", 3)
    task, other = a_task(), a_task()
    for _ in range(3):
        await storage.withdraw_approval(await opened(storage, task), withdrawn_by=READER, now_ms=NOW_MS)
    with pytest.raises(TooManyOpenError):
        await opened(storage, task)
    assert (await opened(storage, other)).state == PENDING
