"""How long the state of a task is kept: while its grant lives, renewed or not, and for a failure that comes late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.core.demands import CALLS
from delegation.core.session import TaskSession
from delegation.errors import Reason, refusal
from delegation.storage.preconditions import REVOCATION_KEPT_MS
from delegation.storage.sessions import Verdict
from storage.in_session import a_step, counts, spends, used
from storage.made import NOW_MS, a_call, a_link, a_revocation, a_task, an_outcome, digest, next_id


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
@pytest.mark.parametrize("hours", [0.9, 1.1])
async def test_a_failure_gives_back_though_the_grant_was_renewed_meanwhile(storage, hours):
    task, later = await a_renewed_task(storage)
    call = a_call(task)
    await storage.decide_in_session(call, a_step(task, spends(task, 70)))
    await storage.decide_in_session(a_call(later), a_step(later, counts(task, 9)))
    await gone_at(storage, NOW_MS + int(hours * 3_600_000) + REVOCATION_KEPT_MS)
    await storage.report_outcome(an_outcome(call, status="failed"))
    assert (await used(storage, task))[task.task_id, "amount"] == "0"
