"""A task summed up: by agent, exactly, and without any call being kept."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.lineage import ConditionUse, RecordedTask
from delegation.core.observation import Observation
from delegation.errors import Malformed
from delegation_sdk import Scope, any_call
from delegation_sdk.task_summary import KEPT_NAMES, CallTally, ImpactSum, impact_of_all, summary_of
from delegation_sdk.testing import Authority
from support.looked_back import called, recorded

TASK = RecordedTask(bytes(16), "Tidy up", Principal("ada", "idp", PrincipalBasis.ASSERTED), "spiffe://a/b", 1, 2)
PLANNER, HELPER = "spiffe://test.example/agent/planner", "spiffe://test.example/agent/helper"


@pytest.fixture
def task():
    with Authority() as authority:
        yield authority.client(PLANNER).begin_task("Tidy up", scope=Scope(any_call("files", "read")))


def by(agent, delegation, name="read", **more):
    call = called(delegation, "files", name, **more)
    return dataclasses.replace(call, agent=agent)


def summed(links, *calls, more=False):
    tally = CallTally()
    tally.take(calls)
    return summary_of(TASK, links, tally, more=more)


def test_each_agent_with_what_it_did_and_was_refused(task):
    helper = task.hand_off(HELPER)
    summary = summed(
        recorded(task, helper),
        by(HELPER, helper, outcome="ok", decided_at_ms=7),
        by(HELPER, helper, outcome="failed", decided_at_ms=3),
        by(HELPER, helper, "write", refused="tool_not_permitted", decided_at_ms=9),
        by("", helper, refused="proof_invalid", decided_at_ms=5),
    )
    planner, worker, nobody = summary.agents
    assert (planner.agent, planner.links, planner.permitted, planner.refused) == (PLANNER, 1, {}, {})
    assert (worker.agent, worker.permitted) == (HELPER, {("files", "read"): 2})
    assert worker.refused == {(("files", "write"), "tool_not_permitted"): 1}
    assert worker.outcomes == {"ok": 1, "failed": 1}
    assert (nobody.agent, nobody.links, nobody.refused.total()) == ("", 0, 1)
    assert (summary.permitted, summary.refused, summary.first_call_ms, summary.last_call_ms) == (2, 2, 3, 9)


def test_refused_calls_that_ran_are_told_with_what_came_of_them(task):
    ran = {"refused": "tool_not_permitted", "observed": Observation.LISTED, "impacts": (("rows", "2"),)}
    summary = summed(
        recorded(task),
        by(PLANNER, task, "write", outcome="ok", **ran),
        by(PLANNER, task, "write", refused="tool_not_permitted"),
    )
    (planner,) = summary.agents
    assert (summary.permitted, summary.refused, summary.observed) == (0, 2, 1)
    assert planner.observed == {(("files", "write"), "tool_not_permitted"): 1}
    assert (planner.outcomes, planner.impacts["rows"].amount) == ({"ok": 1}, 2)


def test_impacts_are_added_to_the_cent_and_resources_are_named(task):
    calls = [
        by(PLANNER, task, outcome="ok", impacts=(("amount", amount), ("resource", f"order {n}")))
        for n, amount in enumerate(("0.10", "0.20", "1e3", "-5"))
    ]
    (planner,) = summed(recorded(task), *calls).agents
    assert planner.impacts["amount"] == ImpactSum(4, Decimal("-4.70"), ("1e3",))
    assert planner.impacts["resource"].names == ("order 0", "order 1", "order 2", "order 3")
    assert impact_of_all([planner, planner])["amount"] == ImpactSum(8, Decimal("-9.40"), ("1e3",))


def test_of_many_resources_few_names_are_kept_and_that_is_told(task):
    calls = [by(PLANNER, task, outcome="ok", impacts=(("resource", f"r{n:03}"),)) for n in range(100)]
    (planner,) = summed(recorded(task), *calls).agents
    assert len(planner.impacts["resource"].names) == KEPT_NAMES
    assert planner.impacts["resource"].more_names
    assert planner.impacts["resource"].calls == 100


def test_the_longest_numbers_add_up_exactly(task):
    most, least = "9" * 64, "0." + "0" * 61 + "1"
    calls = [by(PLANNER, task, outcome="ok", impacts=(("n", number),)) for number in [most, least] * 50]
    (planner,) = summed(recorded(task), *calls).agents
    assert f"{planner.impacts['n'].amount:f}" == f"{50 * int(most)}.{'0' * 60}50"


def test_what_is_spent_is_told_with_who_holds_the_link(task):
    use = ConditionUse("files", "read", "", "3", "5")
    (link,) = recorded(task)
    summary = summed([dataclasses.replace(link, uses=(use,), owner="team")])
    assert [(each.agent, each.link_index, each.use) for each in summary.spending] == [(PLANNER, 0, use)]
    assert summary.agents[0].owner == "team"


def test_a_task_without_calls_has_no_times_and_older_calls_are_told_of(task):
    summary = summed(recorded(task), more=True)
    assert (summary.first_call_ms, summary.last_call_ms, summary.more) == (None, None, True)


def test_a_link_that_cannot_be_read_is_malformed(task):
    (link,) = recorded(task)
    with pytest.raises(Malformed):
        summed([dataclasses.replace(link, payload=b"\xff")])
