"""Requests for approval: opened, answered, withdrawn, and used up in one step with the decision, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from delegation.core.approval import ApprovalDemand
from delegation.errors import Conflict, Reason, refusal
from delegation.storage.approvals import APPROVED, PENDING, USED, WITHDRAWN, ApprovalFilter, ApprovalNeeds
from delegation.storage.postgres import PostgresServer, PostgresStorage
from delegation.storage.refused_writes import NotRecordedError
from delegation.storage.sessions import Verdict
from storage.approving import (
    DELETE,
    LIVES_MS,
    POLICY,
    a_key,
    a_step,
    an_answer,
    approved,
    decided,
    enough,
    judging,
    making,
    opened,
)
from storage.made import NOW_MS, PLANNER, READER, a_call, a_task, digest, proof_of

# -- asking


async def test_a_request_is_kept_as_it_was_made_and_asked_for_again_it_is_the_same(storage):
    task = a_task()
    request = await opened(storage, task)
    assert request.state == PENDING
    assert await storage.approval_request(request.request_id) == request
    assert await opened(storage, task) == request
    session = await storage.session(task.task_id)
    assert (session.calls, session.denials) == (0, 0)


async def test_another_call_policy_or_demand_is_another_request(storage):
    task = a_task()
    first = await opened(storage, task)
    others = [
        await opened(storage, task, a_key('{"a":1}', link_id=task.grant_link_id)),
        await opened(storage, task, a_key(link_id=digest("child"))),
        await opened(storage, task, judge=judging(policy=POLICY)),
    ]
    assert len({request.request_id for request in (first, *others)}) == 4
    stricter = await opened(storage, task, judge=judging(approvers=2))
    assert stricter.request_id != first.request_id
    withdrawn = await storage.approval_request(first.request_id)
    assert (withdrawn.state, withdrawn.arguments_json) == (WITHDRAWN, None)


async def test_what_needs_no_approval_or_is_refused_anyway_opens_nothing(storage):
    task = a_task()
    permits = a_step(task, judge=lambda view: Verdict(None, view.session.after(DELETE)))
    assert await storage.open_approval(permits, making(task)) == (None, None)
    no = refusal(Reason.BUDGET_EXCEEDED)
    refuses = a_step(task, judge=lambda view: Verdict(no))
    assert await storage.open_approval(refuses, making(task)) == (None, no)
    page = await storage.approval_requests(ApprovalFilter(task_id=task.task_id))
    assert page.items == ()


# -- answering


async def test_enough_answers_approve_and_the_arguments_are_forgotten(storage):
    task = a_task()
    request = await opened(storage, task)
    first, second = an_answer(request, "ann"), an_answer(request, "ben", answered_ms=NOW_MS + 2)
    assert await storage.answer_approval(request, first, enough(2)) == request
    after = await storage.answer_approval(request, second, enough(2))
    assert after == replace(request, state=APPROVED, arguments_json=None)
    assert await storage.approval_request(request.request_id) == after
    assert await storage.approval_answers(request.request_id) == (first, second)


async def test_nobody_answers_twice_and_the_same_answer_again_changes_nothing(storage):
    task = a_task()
    request = await opened(storage, task)
    answer = an_answer(request)
    for _ in range(3):
        assert (await storage.answer_approval(request, answer, enough(2))).state == PENDING
    with pytest.raises(Conflict):
        await storage.answer_approval(request, an_answer(request, approve=False), enough(2))
    assert await storage.approval_answers(request.request_id) == (answer,)


@pytest.mark.parametrize("end", ["refused", "withdrawn", "expired", "approved"])
async def test_a_request_that_is_over_takes_no_answer(storage, end):
    task = a_task()
    request = await opened(storage, task)
    late = an_answer(request, "ben")
    if end == "withdrawn":
        await storage.withdraw_approval(request, withdrawn_by=READER, now_ms=NOW_MS)
    elif end == "expired":
        late = replace(late, answered_ms=request.expires_ms)
    else:
        await storage.answer_approval(request, an_answer(request, approve=end == "approved"), enough())
    with pytest.raises(Conflict):
        await storage.answer_approval(request, late, enough())


async def test_a_refused_request_stands_until_it_expires_for_the_demands_that_it_had(storage):
    task = a_task()
    request = await opened(storage, task)
    refused = await storage.answer_approval(request, an_answer(request, approve=False), enough())
    assert await opened(storage, task) == refused
    assert (await opened(storage, task, judge=judging(approvers=2))).state == PENDING
    later = await storage.open_approval(
        a_step(task, now_ms=request.expires_ms), making(task, expires_ms=request.expires_ms + LIVES_MS)
    )
    assert later.request.state == PENDING


async def test_what_is_approved_is_not_withdrawn_by_asking_again_for_the_same_demands(storage):
    task = a_task()
    request = await approved(storage, task)
    unmet = judging(approvers=2)

    def not_yet(view):
        verdict = unmet(view)
        return verdict._replace(needs=verdict.needs._replace(demands=(ApprovalDemand(("ann", "ben"), 1),)))

    assert await opened(storage, task, judge=not_yet) == request
    assert (await opened(storage, task, judge=unmet)).state == PENDING
    assert (await storage.approval_request(request.request_id)).state == WITHDRAWN


async def test_consent_comes_with_what_was_asked_for(storage):
    task, seen = a_task(), []
    request = await approved(storage, task)

    def look(view):
        seen.append(view.approvals(b""))
        return Verdict(None, view.session.after(DELETE))

    assert (await decided(storage, a_step(task, judge=look))).refusal is None
    assert [(given.demands, len(given.answers)) for given in seen] == [(request.demands, 1)]


async def test_a_request_that_is_not_there_is_neither_answered_nor_withdrawn(storage):
    request = making(a_task())(ApprovalNeeds((), b""))
    with pytest.raises(NotRecordedError):
        await storage.answer_approval(request, an_answer(request), enough())
    with pytest.raises(NotRecordedError):
        await storage.withdraw_approval(request, withdrawn_by=READER, now_ms=NOW_MS)


# -- using up


async def test_what_was_approved_permits_one_call_and_no_other(storage):
    task, seen = a_task(), []
    request = await approved(storage, task)
    call = a_call()
    step = a_step(task, judge=judging(seen=seen))
    assert await storage.decide_in_session(call, step) == (call, None)
    used = await storage.approval_request(request.request_id)
    assert (used.state, used.call_id) == (USED, call.call_id)
    again = await decided(storage, step)
    assert again.refusal.reason is Reason.APPROVAL_REQUIRED
    assert seen == [["ann"], []]
    assert (await opened(storage, task)).request_id != request.request_id


async def test_the_same_question_again_uses_nothing_more(storage):
    task, call = a_task(), a_call()
    await approved(storage, task)
    for _ in range(3):
        decision = await storage.decide_in_session(call, a_step(task), proof=proof_of(call))
        assert decision == (call, None)


@pytest.mark.parametrize("other", ["arguments", "link", "tool", "audience", "policy"])
async def test_another_call_is_not_approved_by_it(storage, other):
    task = a_task()
    await approved(storage, task)
    key = a_key(link_id=task.grant_link_id)
    keys = {
        "arguments": key._replace(arguments_digest=digest("others")),
        "link": key._replace(link_id=digest("another")),
        "tool": key._replace(tool="write"),
        "audience": key._replace(audience="mail"),
    }
    judge = judging(policy=POLICY) if other == "policy" else None
    refused = await decided(storage, a_step(task, keys.get(other), judge=judge))
    assert refused.refusal.reason is Reason.APPROVAL_REQUIRED
    assert (await decided(storage, a_step(task))).refusal is None


@pytest.mark.parametrize("end", ["refused", "withdrawn", "expired", "pending"])
async def test_what_is_not_approved_now_permits_nothing(storage, end):
    task, now_ms = a_task(), NOW_MS
    request = await opened(storage, task)
    if end == "refused":
        await storage.answer_approval(request, an_answer(request, approve=False), enough())
    elif end != "pending":
        request = await storage.answer_approval(request, an_answer(request), enough())
    if end == "withdrawn":
        await storage.withdraw_approval(request, withdrawn_by=READER, now_ms=NOW_MS)
    if end == "expired":
        assert (await decided(storage, a_step(task, now_ms=request.expires_ms))).refusal is not None
        now_ms = request.expires_ms - 1
    permitted = (await decided(storage, a_step(task, now_ms=now_ms))).refusal is None
    assert permitted is (end == "expired")


async def test_a_denial_uses_nothing_up(storage):
    task = a_task()
    request = await approved(storage, task)

    def looks_and_refuses(view):
        assert view.approvals(b"").answers
        return Verdict(refusal(Reason.POLICY_DENIED))

    assert (await decided(storage, a_step(task, judge=looks_and_refuses))).refusal is not None
    assert (await storage.approval_request(request.request_id)).state == APPROVED


async def test_of_many_calls_at_once_one_uses_the_approval(storage):
    for _ in range(5):
        task = a_task()
        request = await approved(storage, task)
        many = await asyncio.gather(*(decided(storage, a_step(task)) for _ in range(20)))
        permitted = [each.call.call_id for each in many if each.refusal is None]
        assert permitted == [(await storage.approval_request(request.request_id)).call_id]


async def test_of_many_calls_at_two_replicas_one_uses_the_approval(postgres):
    server = PostgresServer(postgres.new_database())
    replicas = [PostgresStorage(server), PostgresStorage(server)]
    for each in replicas:
        await each.open()
    try:
        for _ in range(5):
            task = a_task()
            request = await approved(replicas[0], task)
            asked = [decided(replicas[n % 2], a_step(task)) for n in range(20)]
            withdrawing = replicas[0].withdraw_approval(request, withdrawn_by=READER, now_ms=NOW_MS)
            *many, withdrawn = await asyncio.gather(*asked, withdrawing, return_exceptions=True)
            permitted = [each.call.call_id for each in many if each.refusal is None]
            state = await replicas[1].approval_request(request.request_id)
            if isinstance(withdrawn, Conflict):
                assert (permitted, state.state) == ([state.call_id], USED)
            else:
                assert (permitted, state.state) == ([], WITHDRAWN)
    finally:
        for each in replicas:
            await each.close()


# -- looking, and forgetting


async def test_requests_are_listed_newest_first_and_by_what_is_asked_for(storage):
    task, other = a_task(), a_task()
    first, second = await opened(storage, task), await opened(storage, other, requester=PLANNER)
    ended = await approved(storage, task, a_key("ended", link_id=task.grant_link_id))

    async def listed(**which):
        return [each.request_id for each in (await storage.approval_requests(ApprovalFilter(**which))).items]

    assert await listed() == [ended.request_id, second.request_id, first.request_id]
    assert await listed(task_id=task.task_id) == [ended.request_id, first.request_id]
    assert await listed(requester=PLANNER) == [second.request_id]
    assert await listed(pending_at_ms=NOW_MS) == [second.request_id, first.request_id]
    assert await listed(pending_at_ms=first.expires_ms) == []
    page = await storage.approval_requests(ApprovalFilter(), limit=2)
    rest = await storage.approval_requests(ApprovalFilter(), cursor=page.next_cursor, limit=2)
    assert [each.request_id for each in (*page.items, *rest.items)] == await listed()


async def test_the_arguments_of_an_expired_request_are_forgotten_and_the_rest_is_kept(storage):
    request = await opened(storage, a_task())
    await storage.purge_expired(request.expires_ms - 1)
    assert await storage.approval_request(request.request_id) == request
    while await storage.purge_expired(request.expires_ms):
        pass
    assert await storage.approval_request(request.request_id) == replace(request, arguments_json=None)
