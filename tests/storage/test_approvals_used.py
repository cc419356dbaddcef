"""An approval that a call has used stays used, whatever becomes of the rows that it is found in."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from delegation.core.limits import APPROVAL_LIFETIME_MS
from delegation.errors import Conflict, Reason
from delegation.storage.approvals import APPROVED, PENDING, USED, WITHDRAWN
from delegation.storage.sessions import NOBODY
from delegation.storage.sqlite import SqliteStorage
from storage.approving import POLICY, a_step, an_answer, approved, decided, enough, judging, making, opened
from storage.made import NOW_MS, a_task

SAME = {"payload": b"the very same"}


async def used(storage, task):
    request = await opened(storage, task)
    await storage.answer_approval(request, an_answer(request, **SAME), enough())
    assert (await decided(storage, a_step(task))).call.allowed
    return request


def is_lacking(decision):
    return not decision.call.allowed and decision.refusal.reason is Reason.APPROVAL_REQUIRED


@pytest.mark.spec("A-35")
async def test_what_was_used_counts_in_no_other_request(storage):
    task, seen = a_task(), []
    other = await opened(storage, task, judge=judging(policy=POLICY))
    await storage.answer_approval(other, an_answer(other, **SAME), enough())
    await used(storage, task)
    assert is_lacking(await decided(storage, a_step(task, judge=judging(policy=POLICY, seen=seen))))
    assert seen == [[]]


@pytest.mark.spec("A-35")
async def test_another_approval_of_the_same_call_counts(storage):
    task = a_task()
    await used(storage, task)
    await approved(storage, task)
    assert (await decided(storage, a_step(task))).call.allowed


@pytest.mark.spec("A-35")
async def test_what_was_used_answers_no_request(storage):
    task = a_task()
    await used(storage, task)
    again = await opened(storage, task)
    with pytest.raises(Conflict):
        await storage.answer_approval(again, an_answer(again, **SAME), enough())
    assert (await storage.answer_approval(again, an_answer(again), enough())).state == APPROVED


@pytest.mark.spec("A-35")
async def test_of_two_calls_of_one_group_one_uses_it(storage):
    task = a_task()
    for policy in (b"", POLICY):
        request = await opened(storage, task, judge=judging(policy=policy))
        await storage.answer_approval(request, an_answer(request, **SAME), enough())
    writes = [decided(storage, a_step(task, judge=judging(policy=policy))) for policy in (b"", POLICY)]
    decisions = [await write for write in writes]
    assert [decision.call.allowed for decision in decisions] == [True, False]


@pytest.mark.spec("A-35")
async def test_a_row_that_says_approved_again_permits_nothing(tmp_path):
    path = tmp_path / "delegation.db"
    storage = SqliteStorage(path)
    await storage.open()
    try:
        task = a_task()
        request = await used(storage, task)
        assert (await storage.approval_request(request.request_id)).state == USED
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE approval_requests SET state = 'approved', call_id = NULL")
        assert is_lacking(await decided(storage, a_step(task)))
    finally:
        await storage.close()


@pytest.mark.spec("A-35")
async def test_a_use_is_kept_for_as_long_as_any_approval_counts(storage):
    task = a_task()
    await used(storage, task)
    await storage.purge_expired(NOW_MS + APPROVAL_LIFETIME_MS)
    again = await opened(storage, task)
    with pytest.raises(Conflict):
        await storage.answer_approval(again, an_answer(again, **SAME), enough())


# -- asking anew


def refusing_whoever_approves(view):
    """Judge like a service that takes what was approved for nothing: nobody is an approver any more."""
    view.approvals(b"")
    return judging(approvers=9)(view)._replace(needs=judging()(view._replace(approvals=lambda _: NOBODY)).needs)


async def test_what_is_approved_and_counts_no_more_makes_room_for_another_request(storage):
    task, asked = a_task(), []
    request = await approved(storage, task)

    def still_counts(standing, consents):
        asked.append((standing.request_id, [each.approver for each in consents]))
        return False

    step = a_step(task, judge=refusing_whoever_approves)
    anew = (await storage.open_approval(step, making(task), still_counts=still_counts)).request
    assert (anew.state, anew.request_id != request.request_id) == (PENDING, True)
    assert asked == [(request.request_id, ["ann"])]
    assert (await storage.approval_request(request.request_id)).state == WITHDRAWN


async def test_what_is_approved_and_will_count_in_a_moment_stands(storage):
    task = a_task()
    request = await approved(storage, task)
    step = a_step(task, judge=refusing_whoever_approves)
    same = (await storage.open_approval(step, making(task), still_counts=lambda *_: True)).request
    assert same == request
