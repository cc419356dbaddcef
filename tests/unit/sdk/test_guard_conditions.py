"""Tools with conditions, at the guard: only the service knows what is left, and all else is asked here again."""

from __future__ import annotations

import pytest

from delegation.core.records import OutcomeStatus
from delegation.errors import ConditionUnmet, NotPermitted, Reason, Undecided
from delegation_sdk import Scope, approved_by, at_most, at_most_calls, budget, optional, tool, under

HELPER = "spiffe://test.example/agent/helper"


def scope(*conditions, name="read"):
    return Scope(tool("files", name, *conditions, path=under("/srv"), size=optional(at_most(100))))


def decide(guard, delegation, name="read", defaults=None, **arguments):
    call = delegation.call("files", name, {"path": "/srv/a", **arguments})
    return guard.authorize(call.carriage, name, call.arguments, defaults=defaults or {})


def refused(action):
    with pytest.raises(ConditionUnmet) as caught:
        action()
    return caught.value.reason, caught.value.link_index


@pytest.mark.spec("A-18")
def test_a_local_tool_with_a_condition_is_decided_by_the_service(guard, client, authority):
    task = client.begin_task("x", scope=scope(at_most_calls(2)))
    helper = task.hand_off(HELPER, scope=scope(at_most_calls(1)))
    decide(guard, helper)
    assert refused(lambda: decide(guard, helper)) == (Reason.CALLS_EXHAUSTED, 1)
    decide(guard, task)
    assert refused(lambda: decide(guard, task)) == (Reason.CALLS_EXHAUSTED, 0)
    assert [decision.allowed for decision in authority.decisions] == [True, False, True, False]


@pytest.mark.spec("A-18")
def test_without_the_service_no_call_with_a_condition_is_permitted(guard, client, authority):
    conditional = client.begin_task("x", scope=scope(at_most_calls(2)))
    free = client.begin_task("x", scope=scope())
    authority.reachable = False
    with pytest.raises(Undecided) as caught:
        decide(guard, conditional)
    assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
    decide(guard, free)


@pytest.mark.spec("A-18")
def test_a_budget_is_spent_over_what_was_sent_and_not_over_defaults(guard, client):
    task = client.begin_task("x", scope=scope(budget("size", 100), name="write"))
    with pytest.raises(NotPermitted) as caught:
        decide(guard, task, "write")
    assert caught.value.reason is Reason.ARGUMENT_MISSING  # a budget sums what is sent
    decide(guard, task, "write", size=60)
    assert refused(lambda: decide(guard, task, "write", size=41)) == (Reason.BUDGET_EXCEEDED, 0)


@pytest.mark.spec("A-16", "A-18")
def test_a_call_that_the_guard_refuses_after_all_costs_no_budget(guard, client, authority):
    """The service does not know the tool's defaults: what is refused for them here is given back there."""
    narrow = Scope(
        tool("files", "write", budget("size", 100), path=under("/srv"), size=at_most(100), mode=optional(at_most(1)))
    )
    task = client.begin_task("x", scope=narrow)
    with pytest.raises(NotPermitted, match=r"write\.mode"):
        decide(guard, task, "write", size=100, defaults={"mode": 5})
    guard.close()  # which delivers what came of it
    decide(authority.guard_for("files"), task, "write", size=100)


@pytest.mark.spec("A-16")
def test_a_failed_call_gives_its_budget_back_and_one_that_went_well_does_not(authority, client):
    task = client.begin_task("x", scope=scope(budget("size", 100), name="write"))
    for status, left in ((OutcomeStatus.FAILED, True), (OutcomeStatus.OK, False)):
        guard = authority.guard_for("files")
        decide(guard, task, "write", size=100).report(status)
        guard.close()
        other = authority.guard_for("files")
        if left:
            decide(other, task, "write", size=100).report(OutcomeStatus.FAILED)
        else:
            assert refused(lambda other=other: decide(other, task, "write", size=1)) == (Reason.BUDGET_EXCEEDED, 0)
        other.close()


@pytest.mark.spec("A-12")
def test_an_approval_is_refused_here_and_there(guard, client):
    task = client.begin_task("x", scope=scope(approved_by("ada")))
    assert refused(lambda: decide(guard, task)) == (Reason.CONDITION_UNMET, 0)
