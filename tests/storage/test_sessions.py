"""Decisions on the state of a task: judged and written in one step, on every database, in groups and by replicas."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from decimal import Decimal

import pytest

from delegation.core.constraints.decimals import format_decimal
from delegation.core.hearsay import Heard, heard_in, noted_unpermitted
from delegation.core.session import TaskSession
from delegation.core.trust import CatalogueTool, Effect
from delegation.core.usage import CALLS, Demand, charged
from delegation.errors import Conflict, Reason, Refused, StorageError, refusal
from delegation.storage.approvals import CallKey
from delegation.storage.postgres import PostgresServer, PostgresStorage
from delegation.storage.preconditions import REVOCATION_KEPT_MS
from delegation.storage.records import RecorderState
from delegation.storage.refused_writes import NotRecordedError, ReplayedProofError, RevokedMeanwhileError
from delegation.storage.sessions import CallsThatRan, SessionStep, Verdict
from storage.made import (
    NOW_MS,
    PLANNER,
    READER,
    a_batch,
    a_call,
    a_fence,
    a_link,
    a_revocation,
    a_task,
    an_outcome,
    digest,
    next_id,
    proof_of,
)

DEADLINE_SECONDS = 120
REFUND = CatalogueTool("billing", "refund", frozenset({Effect.SPENDS}))
READ = CatalogueTool("files", "read", frozenset({Effect.READ}), labels=frozenset({"personal"}))
STICK_MS = 60_000


def judging(demands, tool, seen=None):
    """Judge as the service does: charge every demand, then add what the tool does."""

    def judge(view):
        if seen is not None:
            seen.append(view)
        used = {demand.key: charged(view.used[demand.key], demand) for demand in demands}
        return Verdict(None, view.session.after(tool), used, tool.labels)

    return judge


def a_step(task, *demands, tool=REFUND, seen=None, **fields):
    made = {
        "task_id": task.task_id,
        "expires_ms": task.expires_ms,
        "agents": (PLANNER, READER),
        "demands": demands,
        "judge": judging(demands, tool, seen),
        "now_ms": NOW_MS,
        "labels_until_ms": NOW_MS + STICK_MS,
    }
    return SessionStep(**made | fields)


def spends(task, amount, maximum="100", **fields):
    used = format_decimal(Decimal(str(amount)))
    demand = Demand(task.task_id, 0, "billing", "refund", "amount", used, maximum)
    return demand._replace(**fields)


def counts(task, maximum, **fields):
    return spends(task, 1, str(maximum), argument=CALLS, **fields)


async def used(storage, task):
    return {(row.account, row.argument): row.used for row in await storage.usage(task.task_id)}


# -- one decision


@pytest.mark.spec("A-12", "A-13", "A-14")
async def test_a_permitted_call_is_charged_to_every_link_and_added_to_the_tasks_state(storage):
    task = a_task()
    child = digest("child")
    step = a_step(task, spends(task, "20.50"), counts(task, 3), spends(task, "20.50", "30", account=child))
    call = a_call(task)
    assert await storage.decide_in_session(call, step, proof=proof_of(call)) == (call, None)
    assert await storage.call(call.call_id) == call
    assert await used(storage, task) == {
        (task.task_id, "amount"): "20.5",
        (task.task_id, CALLS): "1",
        (child, "amount"): "20.5",
    }
    assert await storage.session(task.task_id) == TaskSession().after(REFUND)


@pytest.mark.spec("A-17")
async def test_a_refusal_is_recorded_counted_and_charges_nothing(storage):
    task = a_task()
    await storage.decide_in_session(a_call(task), a_step(task, spends(task, 60), counts(task, 9)))
    call = a_call(task)
    decided = await storage.decide_in_session(call, a_step(task, counts(task, 9), spends(task, 41)))
    assert decided.refusal is not None
    assert decided.refusal.reason is Reason.BUDGET_EXCEEDED
    assert decided.refusal.parent == "40 of 100 in sum"
    assert decided.call == await storage.call(call.call_id) == call.denied("budget_exceeded", "condition", 0)
    assert await used(storage, task) == {(task.task_id, "amount"): "60", (task.task_id, CALLS): "1"}
    session = await storage.session(task.task_id)
    assert (session.calls, session.denials, session.version) == (1, 1, 2)


@pytest.mark.parametrize("refused", [None, refusal(Reason.POLICY_DENIED), refusal(Reason.APPROVAL_REQUIRED)])
async def test_what_decided_a_call_is_kept_with_it(storage, refused):
    told = '{"task_labels":["personal"]}'
    judged, before, unjudged = a_call(), a_call(allowed=False, reason="tool_not_permitted"), a_call()

    def judge(view):
        return Verdict(refused, view.session, rules="one,two", obligations=None if refused else "redact", inputs=told)

    for call in (judged, before):
        await storage.decide_in_session(call, a_step(a_task(), judge=judge))
    await storage.decide_in_session(unjudged, a_step(a_task()))
    kept = await storage.call(judged.call_id)
    assert (kept.rules, kept.obligations, kept.inputs) == ("one,two", None if refused else "redact", told)
    for call in (before, unjudged):
        kept = await storage.call(call.call_id)
        assert (kept.rules, kept.obligations, kept.inputs) == (None, None, None)


async def test_a_call_that_was_refused_before_is_counted_as_a_denial(storage):
    task = a_task()
    call = a_call(task, allowed=False, reason="argument_refused", layer="scope")
    assert (await storage.decide_in_session(call, a_step(task))).call == call
    assert await storage.session(task.task_id) == TaskSession().after_denial()


@pytest.mark.parametrize("fault", ["raises", "forgets a demand"])
async def test_a_judge_that_fails_is_a_recorded_denial_and_nobody_elses_trouble(storage, fault):
    task, calls = a_task(), [a_call() for _ in range(3)]

    def fail(view):
        if fault == "raises":
            raise ZeroDivisionError
        return Verdict(None, view.session.after(REFUND), {})

    steps = [a_step(task, spends(task, 5), judge=fail) if n == 1 else a_step(task, spends(task, 5)) for n in range(3)]
    decided = await asyncio.gather(
        *(storage.decide_in_session(call, step) for call, step in zip(calls, steps, strict=True))
    )
    assert [each.call.allowed for each in decided] == [True, False, True]
    assert decided[1].refusal is not None
    assert decided[1].refusal.reason is Reason.INTERNAL
    assert await used(storage, task) == {(task.task_id, "amount"): "10"}


async def test_approvals_that_cannot_be_read_are_no_decision_and_nobody_elses_trouble(storage):
    """PostgreSQL takes no NUL, and after that nothing more of the transaction; SQLite has no such text."""
    task, other = a_task(), a_task()

    def swallow(view):
        try:
            view.approvals(b"")
        except Exception:  # noqa: BLE001 - as those who judge do
            return Verdict(refusal(Reason.INTERNAL))
        return Verdict(refusal(Reason.APPROVAL_REQUIRED))

    unreadable = a_step(task, judge=swallow, call=CallKey(digest("leaf"), "bill\x00ing", "refund", digest("arguments")))
    beside = [a_call() for _ in range(3)]
    *entered, spoilt = await asyncio.gather(
        *(storage.decide_in_session(call, a_step(other, spends(other, 5))) for call in beside),
        storage.decide_in_session(a_call(), unreadable),
        return_exceptions=True,
    )
    assert [each.call for each in entered] == beside
    if not isinstance(storage, PostgresStorage):
        assert spoilt.refusal.reason is Reason.APPROVAL_REQUIRED
        return
    assert isinstance(spoilt, StorageError)
    assert await storage.session(task.task_id) == TaskSession()


async def test_nothing_is_charged_where_the_call_was_revoked_meanwhile(storage):
    task = a_task()
    await storage.revoke([a_revocation("task", task.task_id)])
    with pytest.raises(RevokedMeanwhileError):
        await storage.decide_in_session(
            a_call(task), a_step(task, spends(task, 5)), fence=a_fence(0, ("task", task.task_id))
        )
    assert await used(storage, task) == {}
    assert (await storage.session(task.task_id)).calls == 0


# -- the same question again


@pytest.mark.spec("A-11", "A-17")
@pytest.mark.parametrize("together", [True, False], ids=["at once", "one after another"])
async def test_the_same_question_is_charged_once(storage, together):
    task, call = a_task(), a_call()
    proof = proof_of(call)
    asked = [storage.decide_in_session(a_call(task), a_step(task, spends(task, 30)), proof=proof) for _ in range(6)]
    decided = await asyncio.gather(*asked) if together else [await each for each in asked]
    assert len({each.call for each in decided}) == 1
    assert decided[0].call.allowed
    assert await used(storage, task) == {(task.task_id, "amount"): "30"}
    assert (await storage.session(task.task_id)).calls == 1


async def test_a_replayed_proof_charges_nothing(storage):
    task, call = a_task(), a_call()
    step = a_step(task, spends(task, 30))
    await storage.decide_in_session(call, step, proof=proof_of(call))
    with pytest.raises(ReplayedProofError):
        await storage.decide_in_session(a_call(task), step, proof=proof_of(call, request_digest=digest("other")))
    assert await used(storage, task) == {(task.task_id, "amount"): "30"}


async def test_a_refused_question_that_is_repeated_stays_refused(storage):
    task, call = a_task(), a_call()
    asked = [(a_call(task), a_step(task, spends(task, 101))), (a_call(task), a_step(task, spends(task, 1)))]
    first, second = [await storage.decide_in_session(*each, proof=proof_of(call)) for each in asked]
    assert (first.call, second.refusal) == (second.call, None)
    assert not second.call.allowed
    assert await used(storage, task) == {}


# -- many at once


@pytest.mark.spec("A-12")
async def test_of_a_hundred_calls_at_once_a_budget_permits_what_fits_to_the_cent(storage):
    task = a_task()
    amounts = [*itertools.islice(itertools.cycle(["1", "7.30", "12.05", "0.01", "33.33"]), 100)]
    decided = await asyncio.gather(
        *(
            storage.decide_in_session(a_call(task), a_step(task, spends(task, amount), counts(task, 20)))
            for amount in amounts
        )
    )
    spent = sum(round(float(amount) * 100) for amount, each in zip(amounts, decided, strict=True) if each.call.allowed)
    permitted = sum(each.call.allowed for each in decided)
    sums = await used(storage, task)
    assert round(float(sums[task.task_id, "amount"]) * 100) == spent <= 10_000
    assert sums[task.task_id, CALLS] == str(permitted)
    session = await storage.session(task.task_id)
    assert (session.calls, session.denials, session.version) == (permitted, 100 - permitted, 100)
    assert {each.refusal.reason for each in decided if each.refusal} <= {
        Reason.BUDGET_EXCEEDED,
        Reason.CALLS_EXHAUSTED,
    }


async def test_what_spoils_a_group_is_charged_as_if_each_had_come_alone(storage):
    """A conflict undoes the common insert; then every decision is judged again, on what is there then."""
    task, taken = a_task(), a_call()
    await storage.decide(taken)
    calls = [taken if number == 7 else a_call(task) for number in range(15)]
    results = await asyncio.gather(
        *(storage.decide_in_session(call, a_step(task, spends(task, 10))) for call in calls), return_exceptions=True
    )
    assert isinstance(results.pop(7), Conflict)
    assert sum(each.call.allowed for each in results) == 10
    assert await used(storage, task) == {(task.task_id, "amount"): "100"}
    assert (await storage.session(task.task_id)).calls == 10


async def test_a_state_that_cannot_be_read_refuses_its_own_task_alone(storage):
    sane, broken = a_task(), a_task()
    await storage.decide_in_session(a_call(broken), a_step(broken, judge=lambda view: Verdict(None, Unreadable())))
    results = await asyncio.gather(
        *(storage.decide_in_session(a_call(task), a_step(task)) for task in (sane, broken, sane)),
        return_exceptions=True,
    )
    assert isinstance(results[1], StorageError)
    assert [each.call.allowed for each in (results[0], results[2])] == [True, True]
    with pytest.raises(StorageError):
        await storage.session(broken.task_id)


class Unreadable(TaskSession):
    """The state of a task as no version writes it."""

    def text(self):
        return "{}"


# -- what is given back


@pytest.mark.spec("A-16")
async def test_what_a_failed_call_took_is_given_back_once_and_the_call_itself_is_not(storage):
    task, call = a_task(), a_call()
    await storage.decide_in_session(call, a_step(task, spends(task, 60), counts(task, 2)))
    outcome = an_outcome(call, status="failed")
    for _ in range(3):
        await storage.report_outcome(outcome)
    await asyncio.gather(*(storage.report_outcome(outcome) for _ in range(5)))
    assert await used(storage, task) == {(task.task_id, "amount"): "0", (task.task_id, CALLS): "1"}
    again = await storage.decide_in_session(a_call(task), a_step(task, spends(task, 100), counts(task, 2)))
    assert again.call.allowed


@pytest.mark.spec("A-16")
@pytest.mark.parametrize("status", ["ok", "unknown"])
async def test_what_a_call_took_stays_spent_without_word_of_its_failure(storage, status):
    task, call, silent = a_task(), a_call(), a_call()
    await storage.decide_in_session(call, a_step(task, spends(task, 60)))
    await storage.decide_in_session(silent, a_step(task, spends(task, 40)))
    await storage.report_outcome(an_outcome(call, status=status))
    with pytest.raises(Conflict):
        await storage.report_outcome(an_outcome(call, status="failed"))
    assert await used(storage, task) == {(task.task_id, "amount"): "100"}


async def test_a_failure_of_a_call_that_is_not_recorded_gives_nothing_back(storage):
    task, call = a_task(), a_call()
    await storage.decide_in_session(call, a_step(task, spends(task, 60)))
    with pytest.raises(NotRecordedError):
        await storage.report_outcome(an_outcome(a_call(), status="failed"))
    free = a_call(task)
    await storage.decide(free)
    await storage.report_outcome(an_outcome(free, status="failed"))
    assert await used(storage, task) == {(task.task_id, "amount"): "60"}


async def test_what_cannot_be_given_back_now_can_be_later(storage):
    """Whatever else is in the group is written; the failure that was refused has taken no part in it."""
    task, other, call, beside = a_task(), a_task(), a_call(), a_call()
    demand = spends(task, 60)
    spoilt, repaired = ({demand.key: text} for text in ("nothing known", "60"))
    await storage.decide_in_session(
        call, a_step(task, demand, judge=lambda view: Verdict(None, view.session.after(REFUND), spoilt))
    )
    failure = an_outcome(call, status="failed")
    refused, decided = await asyncio.gather(
        storage.report_outcome(failure),
        storage.decide_in_session(beside, a_step(other, spends(other, 1))),
        return_exceptions=True,
    )
    assert (type(refused), decided.call) == (StorageError, beside)
    await storage.decide_in_session(
        a_call(), a_step(task, demand._replace(amount="0"), judge=lambda view: Verdict(None, view.session, repaired))
    )
    await storage.report_outcome(failure)
    assert await used(storage, task) == {(task.task_id, "amount"): "0"}


async def test_failures_and_calls_at_once_never_lose_a_cent(storage):
    task, first = a_task(), [a_call() for _ in range(10)]
    await asyncio.gather(
        *(storage.decide_in_session(call, a_step(task, spends(task, "9.99", "1000"))) for call in first)
    )
    again = [storage.decide_in_session(a_call(task), a_step(task, spends(task, "0.01", "1000"))) for _ in range(30)]
    failed = [storage.report_outcome(an_outcome(call, status="failed")) for call in first]
    await asyncio.gather(*itertools.chain.from_iterable(itertools.zip_longest(again, failed, fillvalue=done())))
    assert await used(storage, task) == {(task.task_id, "amount"): "0.3"}


async def done():
    pass


# -- labels


async def test_labels_stick_to_the_agents_of_the_chain_in_other_tasks_for_a_while(storage):
    seen = []
    await storage.decide_in_session(a_call(), a_step(a_task(), tool=READ))
    other = a_task()
    await storage.decide_in_session(a_call(), a_step(other, seen=seen, agents=(READER,)))
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, agents=("spiffe://example.org/other",)))
    after = NOW_MS + STICK_MS
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, agents=(READER,), now_ms=after))
    assert [sorted(view.session.labels) for view in seen] == [["personal"], [], []]
    assert (await storage.session(other.task_id)).labels == {"personal"}


async def test_a_label_sticks_as_long_as_its_last_reading_says(storage):
    for until_ms in (NOW_MS + 5, NOW_MS + 50, NOW_MS + 10):
        await storage.decide_in_session(a_call(), a_step(a_task(), tool=READ, labels_until_ms=until_ms))
    seen = []
    for now_ms in (NOW_MS + 49, NOW_MS + 50):
        await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, now_ms=now_ms))
    assert [bool(view.session.labels) for view in seen] == [True, False]


async def test_a_refused_call_labels_nobody(storage):
    task = a_task()
    await storage.decide_in_session(a_call(), a_step(task, spends(task, 101), tool=READ))
    seen = []
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen))
    assert not seen[0].session.labels


@pytest.mark.spec("A-30")
async def test_a_refused_call_that_runs_all_the_same_leaves_what_it_read_and_uses_nothing(storage):
    task = a_task()
    call, anyway = a_call(task), that_ran(task, observed=(noted_unpermitted(READ),))
    decided = await storage.decide_in_session(call, a_step(task, spends(task, 101), anyway=anyway))
    assert decided.refusal is not None
    denied = call.denied("budget_exceeded", "condition", 0, observed="listed")
    assert decided.call == await storage.call(call.call_id) == denied
    session = await storage.session(task.task_id)
    heard = Heard(frozenset(), frozenset({"personal"}), frozenset({Effect.READ}))
    assert (heard_in(session.labels), session.denials) == (heard, 1)
    assert (session.calls, dict(session.effects), dict(session.tools)) == (0, {}, {})  # no rule is met by it
    assert await used(storage, task) == {}
    seen = []
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, agents=(READER,)))
    assert heard_in(seen[0].session.labels) == heard._replace(declared_effects=frozenset())


@pytest.mark.spec("A-30")
async def test_benign_what_a_permitted_call_of_a_tool_under_observation_leaves_is_noted_once(storage):
    task = a_task()
    call, anyway = a_call(task), that_ran(task, observed=(noted_unpermitted(READ),))
    step = a_step(task, spends(task, 40), tool=READ, anyway=anyway)
    assert await storage.decide_in_session(call, step) == (call, None)
    session = await storage.session(task.task_id)
    assert (session.labels, session.calls, session.denials) == ({"personal"}, 1, 0)
    assert await used(storage, task) == {(task.task_id, "amount"): "40"}


async def test_a_new_task_begins_with_the_labels_of_its_holder_and_keeps_them(storage):
    await storage.decide_in_session(a_call(), a_step(a_task(), tool=READ))
    task = a_task(created_ms=NOW_MS + 1)
    await storage.add_grant(task, a_link(task))
    assert (await storage.session(task.task_id)).labels == {"personal"}
    seen = []
    late = NOW_MS + STICK_MS + 1
    await storage.decide_in_session(a_call(task), a_step(task, seen=seen, now_ms=late))
    assert seen[0].session.labels == {"personal"}
    unlabelled = a_task(created_ms=late)
    await storage.add_grant(unlabelled, a_link(unlabelled))
    assert await storage.session(unlabelled.task_id) == TaskSession()


# -- what guards have permitted by themselves


def that_ran(task, *tools, **fields):
    made = {"agents": (PLANNER, READER), "tools": tools, "labels_until_ms": NOW_MS + STICK_MS}
    return CallsThatRan(task.task_id, task.expires_ms, **made | fields)


async def test_calls_that_a_guard_records_are_noted_with_their_tasks_and_agents_once(storage):
    state = RecorderState(digest("guard"))
    batch, calls = a_batch(state, 4)
    task, other, seen = a_task(), a_task(), []
    ran = [that_ran(task, READ, REFUND, REFUND), that_ran(other, REFUND, agents=())]
    for _ in range(2):  # sent again
        await storage.record_decisions(batch, calls, ran=ran)
    assert await storage.session(task.task_id) == TaskSession().after(READ).after(REFUND).after(REFUND)
    assert await storage.session(other.task_id) == TaskSession().after(REFUND)
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen, agents=(READER,)))
    assert seen[0].session.labels == {"personal"}


async def test_recorded_calls_that_leave_nothing_begin_no_state(storage):
    task = a_task()
    batch, calls = a_batch(RecorderState(digest("guard")), 2)
    await storage.record_decisions(batch, [call._replace(task_id=task.task_id) for call in calls])
    assert await storage.session(task.task_id) == TaskSession()


async def test_what_ran_is_noted_beside_what_is_decided_meanwhile(storage):
    task, state, batches = a_task(), RecorderState(digest("guard")), []
    for _ in range(10):
        batch, calls = a_batch(state, 2)
        state = RecorderState(state.guard_key, state.next_sequence + 2, batch.last_hash)
        batches.append((batch, calls))

    async def recorded():
        for batch, calls in batches:
            await storage.record_decisions(batch, calls, ran=[that_ran(task, READ, READ)])

    decided = [storage.decide_in_session(a_call(), a_step(task, spends(task, 1, "1000"))) for _ in range(30)]
    async with asyncio.timeout(DEADLINE_SECONDS):
        await asyncio.gather(recorded(), *decided)
    session = await storage.session(task.task_id)
    assert (session.calls, session.labels) == (50, {"personal"})


async def test_a_state_that_cannot_be_read_keeps_no_guard_from_recording(storage):
    broken, sane, seen = a_task(), a_task(), []
    await storage.decide_in_session(a_call(broken), a_step(broken, judge=lambda view: Verdict(None, Unreadable())))
    batch, calls = a_batch(RecorderState(digest("guard")), 2)
    recorded = await storage.record_decisions(batch, calls, ran=[that_ran(broken, READ), that_ran(sane, REFUND)])
    assert recorded.next_sequence == 3
    assert (await storage.session(sane.task_id)).calls == 1
    await storage.decide_in_session(a_call(), a_step(a_task(), seen=seen))
    assert seen[0].session.labels == {"personal"}
    with pytest.raises(StorageError):
        await storage.session(broken.task_id)


# -- how long it is kept


@pytest.mark.spec("A-15")
async def test_a_renewed_grants_state_is_kept_for_as_long_as_it_lives(storage):
    renewed, former = a_task(), a_task()
    links = {task.task_id: a_link(task, expires_ms=task.expires_ms) for task in (renewed, former)}
    for task in (renewed, former):
        await storage.add_grant(task, links[task.task_id])
        await storage.decide_in_session(a_call(task), a_step(task, spends(task, 70)))
    until_ms = renewed.expires_ms + 900_000
    grant = a_link(renewed, link_id=digest(next_id()), expires_ms=until_ms)
    await storage.renew_grant(renewed.grant_link_id, grant, revocation=a_revocation("link", renewed.grant_link_id))
    await gone_at(storage, former.expires_ms + REVOCATION_KEPT_MS - 1)
    assert await used(storage, former) != {}
    await gone_at(storage, former.expires_ms + REVOCATION_KEPT_MS)
    assert await used(storage, former) == {}
    assert await storage.session(former.task_id) == TaskSession()
    refused = await storage.decide_in_session(
        a_call(renewed), a_step(replace(renewed, expires_ms=until_ms), spends(renewed, 31))
    )
    assert refused.refusal is not None
    assert refused.refusal.parent == "30 of 100 in sum"
    await gone_at(storage, until_ms + REVOCATION_KEPT_MS)
    assert await used(storage, renewed) == {}


async def gone_at(storage, now_ms):
    """Forget what has expired at a time."""
    while await storage.purge_expired(now_ms):
        pass


@pytest.mark.spec("A-15")
@pytest.mark.parametrize("looked", ["a refused call", "an approval", "nobody"])
async def test_a_renewed_grants_usage_is_kept_though_the_state_was_begun_under_the_former_grant(storage, looked):
    """What was verified by the former token before the renewal, and is entered after it, begins the state."""
    task, later = await a_renewed_task(storage)
    if looked == "a refused call":
        call = a_call(task, allowed=False, reason="argument_refused", layer="scope")
        await storage.decide_in_session(call, a_step(task))
    elif looked == "an approval":
        refused = Verdict(refusal(Reason.POLICY_DENIED))
        await storage.open_approval(a_step(task, judge=lambda view: refused), make=None)
    await storage.decide_in_session(a_call(later), a_step(later, spends(task, 70)))
    await gone_at(storage, task.expires_ms + REVOCATION_KEPT_MS)
    assert await used(storage, task) == {(task.task_id, "amount"): "70"}
    assert (await storage.session(task.task_id)).calls == 1
    await gone_at(storage, later.expires_ms + REVOCATION_KEPT_MS - 1)
    assert await used(storage, task) != {}
    await gone_at(storage, later.expires_ms + REVOCATION_KEPT_MS)
    assert (await used(storage, task), await storage.session(task.task_id)) == ({}, TaskSession())


@pytest.mark.spec("A-15")
async def test_what_was_used_before_a_call_with_a_longer_grant_is_kept_with_it(storage):
    """Whoever renewed the grant did not know of states: the next call says how long it lives."""
    task = a_task()
    later = replace(task, expires_ms=task.expires_ms + 3_600_000)
    await storage.decide_in_session(a_call(task), a_step(task, spends(task, 70)))
    await storage.decide_in_session(a_call(later), a_step(later, judge=lambda view: Verdict(None, view.session)))
    await storage.decide_in_session(a_call(task), a_step(task, counts(task, 9)))
    await gone_at(storage, later.expires_ms + REVOCATION_KEPT_MS - 1)
    assert await used(storage, task) == {(task.task_id, "amount"): "70", (task.task_id, CALLS): "1"}


@pytest.mark.spec("A-15")
async def test_a_tasks_state_is_kept_while_its_recorded_grant_lives_whatever_it_says_itself(storage):
    """A replica of a release without states has renewed the grant, and nobody has called since."""
    living, over = (a_task(expires_ms=NOW_MS + lifetime_ms) for lifetime_ms in (3_600_000, 900_000))
    for task in (living, over):
        await storage.add_grant(task, a_link(task))
        early = replace(task, expires_ms=NOW_MS + 900_000)
        await storage.decide_in_session(a_call(task), a_step(early, spends(task, 70)))
    await gone_at(storage, NOW_MS + 900_000 + REVOCATION_KEPT_MS)
    assert await used(storage, living) == {(living.task_id, "amount"): "70"}
    assert await used(storage, over) == {}
    await gone_at(storage, living.expires_ms + REVOCATION_KEPT_MS)
    assert await used(storage, living) == {}


async def a_renewed_task(storage):
    """A task as it was granted, and as it is since its grant was renewed."""
    task = a_task()
    await storage.add_grant(task, a_link(task, expires_ms=task.expires_ms))
    later = replace(task, expires_ms=task.expires_ms + 3_600_000)
    grant = a_link(task, link_id=digest(next_id()), expires_ms=later.expires_ms)
    await storage.renew_grant(task.grant_link_id, grant, revocation=a_revocation("link", task.grant_link_id))
    return task, later


@pytest.mark.spec("A-16")
@pytest.mark.parametrize(("hours", "left"), [(0.9, "0"), (1.1, "70")])
async def test_a_failure_within_an_hour_gives_back_though_the_grant_was_renewed_meanwhile(storage, hours, left):
    task, later = await a_renewed_task(storage)
    call = a_call(task)
    await storage.decide_in_session(call, a_step(task, spends(task, 70)))
    await storage.decide_in_session(a_call(later), a_step(later, counts(task, 9)))
    await gone_at(storage, NOW_MS + int(hours * 3_600_000) + REVOCATION_KEPT_MS)
    await storage.report_outcome(an_outcome(call, status="failed"))
    assert (await used(storage, task))[task.task_id, "amount"] == left


# -- replicas


@pytest.fixture
async def replicas(postgres):
    server = PostgresServer(postgres.new_database())
    opened = [PostgresStorage(server) for _ in range(2)]
    await asyncio.gather(*(storage.open() for storage in opened))
    yield opened
    await asyncio.gather(*(storage.close() for storage in opened))


@pytest.mark.spec("A-12")
async def test_replicas_together_permit_what_fits_to_the_cent(replicas):
    """A hundred callers at two services, first calls of new tasks among them: nobody overspends or loses a cent."""
    for _ in range(3):
        tasks = [a_task() for _ in range(3)]
        asked = [(replicas[n % 2], tasks[n % 3 if n % 5 else -1]) for n in range(100)]
        async with asyncio.timeout(DEADLINE_SECONDS):
            decided = await asyncio.gather(
                *(
                    storage.decide_in_session(
                        a_call(task), a_step(task, spends(task, "7.01")), proof=proof_of(a_call())
                    )
                    for storage, task in asked
                )
            )
        for task in tasks:
            here = [each for (_, of), each in zip(asked, decided, strict=True) if of is task]
            permitted = sum(each.call.allowed for each in here)
            assert permitted == min(14, len(here))
            assert await used(replicas[0], task) == {(task.task_id, "amount"): f"{permitted * 7.01:.2f}"}
            session = await replicas[1].session(task.task_id)
            assert (session.calls, session.calls + session.denials) == (permitted, len(here))


@pytest.mark.parametrize("others", [0, 7])
async def test_what_a_replica_saw_last_of_the_feed_charges_nothing_after_a_revocation_at_the_other(replicas, others):
    """It finds out when it inserts, with the states of tasks locked and judged on: all of that is done once more."""
    task, ended = a_task(), a_task()
    await replicas[1].decide_in_session(a_call(), a_step(task, spends(task, 1)), fence=a_fence(0))
    await replicas[0].revoke([a_revocation("task", ended.task_id)])
    calls = [a_call() for _ in range(others)]
    deciding = [replicas[1].decide_in_session(each, a_step(task, spends(task, 9)), fence=a_fence(0)) for each in calls]
    fence = a_fence(0, ("task", ended.task_id))
    deciding.append(replicas[1].decide_in_session(a_call(), a_step(ended, spends(ended, 9)), fence=fence))
    *entered, refused = await asyncio.gather(*deciding, return_exceptions=True)
    assert isinstance(refused, RevokedMeanwhileError)
    assert [each.call for each in entered] == calls
    assert await used(replicas[0], task) == {(task.task_id, "amount"): str(1 + 9 * others)}
    assert await used(replicas[0], ended) == {}
    sessions = [await replicas[0].session(each.task_id) for each in (task, ended)]
    assert [(each.calls, each.denials) for each in sessions] == [(1 + others, 0), (0, 0)]


async def test_who_has_seen_more_of_the_feed_than_the_replica_wrote_last_is_charged_once(replicas):
    task, calls = a_task(), [a_call(), a_call()]
    await replicas[1].decide_in_session(a_call(), a_step(task, spends(task, 1)), fence=a_fence(0))
    await replicas[0].revoke([a_revocation()])
    deciding = [
        replicas[1].decide_in_session(call, a_step(task, spends(task, 5)), fence=a_fence(position))
        for call, position in zip(calls, (0, 1), strict=True)
    ]
    assert [each.call for each in await asyncio.gather(*deciding)] == calls
    assert await used(replicas[0], task) == {(task.task_id, "amount"): "11"}


async def test_replicas_that_take_the_same_tasks_crosswise_end_without_a_deadlock(replicas):
    for _ in range(5):
        tasks = [a_task() for _ in range(40)]
        asked = [replicas[0].decide_in_session(a_call(), a_step(task, spends(task, 60))) for task in tasks]
        asked += [replicas[1].decide_in_session(a_call(), a_step(task, spends(task, 60))) for task in reversed(tasks)]
        async with asyncio.timeout(DEADLINE_SECONDS):
            decided = await asyncio.gather(*asked)
        assert sum(each.call.allowed for each in decided) == len(tasks)


async def test_replicas_that_record_and_decide_of_the_same_tasks_crosswise_end_without_a_deadlock(replicas):
    for number in range(5):
        tasks = [a_task() for _ in range(30)]
        batch, calls = a_batch(RecorderState(digest(number)), 1)
        recorded = replicas[0].record_decisions(batch, calls, ran=[that_ran(task, READ) for task in reversed(tasks)])
        decided = [replicas[1].decide_in_session(a_call(), a_step(task, spends(task, 60))) for task in tasks]
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(recorded, *decided)
        assert {(await replicas[0].session(task.task_id)).calls for task in tasks} == {2}


async def test_a_failure_that_is_reported_at_both_is_given_back_once(replicas):
    task, calls = a_task(), [a_call() for _ in range(20)]
    for call in calls:
        await replicas[0].decide_in_session(call, a_step(task, spends(task, 5)))
    failed = [an_outcome(call, status="failed") for call in calls[:10]]
    reported = [replicas[n % 2].report_outcome(outcome) for outcome in failed for n in range(4)]
    again = [replicas[n % 2].decide_in_session(a_call(), a_step(task, spends(task, "0.5"))) for n in range(20)]
    results = await asyncio.gather(*reported, *again, return_exceptions=True)
    assert not [result for result in results if isinstance(result, Exception) and not isinstance(result, Refused)]
    permitted = sum(result.call.allowed for result in results[len(reported) :])
    assert await used(replicas[1], task) == {(task.task_id, "amount"): f"{50 + permitted * 0.5:g}"}
