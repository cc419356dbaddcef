"""Which requests for approval can be answered, and what is read of several at once: for those who follow them."""

from __future__ import annotations

from dataclasses import replace

from storage.approving import LIVES_MS, a_key, an_answer, approved, enough, opened
from storage.made import NOW_MS, READER, a_task


async def test_what_can_be_answered_is_told_newest_first_with_the_number_of_its_answers(storage):
    task = a_task()
    first, second, over = [await opened(storage, task, a_key(str(n), link_id=task.grant_link_id)) for n in range(3)]
    await approved(storage, task, a_key("done", link_id=task.grant_link_id))
    await storage.withdraw_approval(over, withdrawn_by=READER, now_ms=NOW_MS)
    await storage.answer_approval(first, an_answer(first), enough(2))
    found = await storage.open_approvals(NOW_MS, limit=10)
    assert found == ((second.request_id, 0), (first.request_id, 1))
    assert await storage.open_approvals(NOW_MS, limit=1) == ((second.request_id, 0),)
    assert await storage.open_approvals(NOW_MS + LIVES_MS, limit=10) == ()


async def test_several_requests_are_read_at_once_without_what_they_are_called_with(storage):
    task = a_task()
    some = [await opened(storage, task, a_key(str(n), link_id=task.grant_link_id), token=b"t") for n in range(3)]
    found = await storage.approvals_of([each.request_id for each in some[:2]] + [bytes(16)])
    assert sorted(found, key=lambda each: each.request_id) == [
        replace(each, arguments_json=None, token=None) for each in some[:2]
    ]
    assert await storage.approvals_of([]) == ()


async def test_answers_to_several_requests_are_read_at_once_each_in_their_order(storage):
    task = a_task()
    first, second = [await opened(storage, task, a_key(str(n), link_id=task.grant_link_id)) for n in range(2)]
    later, sooner = an_answer(first, "ann", answered_ms=NOW_MS + 9), an_answer(first, "ben", answered_ms=NOW_MS + 1)
    for answer in (later, sooner):
        await storage.answer_approval(first, answer, enough(9))
    found = await storage.answers_of_approvals([first.request_id, second.request_id])
    assert found == {first.request_id: (sooner, later), second.request_id: ()}
    assert await storage.answers_of_approvals([]) == {}
