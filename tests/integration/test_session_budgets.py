"""Budgets and counts at a running service: over the whole tree of a task, at once, and across renewals and failures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from delegation.core.conditions import at_most_calls, budget
from delegation.core.constraints import at_most
from delegation.core.records import OutcomeStatus
from delegation.core.scope import SERVICE_AUDIENCE, Scope, any_call, tool
from delegation.errors import Conflict, Reason
from delegation.wire.renewals import (
    ReissueRequest,
    RenewRequest,
    read_replaced,
    reissue_request_message,
    renew_request_message,
)
from support.caller import GuardRecords, Holding, new_key


def refunds(*conditions):
    return tool("billing", "refund", *conditions, amount=at_most("50.00"))


@pytest.fixture
def billing(as_):
    return as_("tool/billing")


def ask(billing, holding, amount):
    return billing.decide(holding, "billing", "refund", {"amount": amount})


def at_once(*calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))


def sum_of(decisions, amounts):
    return sum(
        (Decimal(str(amount)) for decision, amount in zip(decisions, amounts, strict=True) if not decision.refusal),
        Decimal(0),
    )


def reasons(decisions):
    return {decision.refusal.reason for decision in decisions if decision.refusal}


def renew(caller, task):
    proof = task.proof(SERVICE_AUDIENCE, "renew", {"task_id": task.task_id.hex()})
    message = renew_request_message(RenewRequest(task.task_id, proof))
    return Holding(read_replaced(caller.ask(caller.delegation.Renew, message)).token, task.key, task.task_id)


def reissue(caller, task):
    key = new_key()
    message = reissue_request_message(ReissueRequest(task.task_id, key.public))
    return Holding(read_replaced(caller.ask(caller.delegation.Reissue, message)).token, key, task.task_id)


# -- salami


@pytest.mark.spec("A-12", "A-14")
def test_small_refunds_by_siblings_add_up_and_the_refusal_says_what_remains(planner, billing):
    task = planner.grant(refunds(budget("amount", 100)))
    siblings = [planner.hand_off(task, f"agent/sibling-{n}") for n in range(5)]
    decisions = [ask(billing, sibling, 30) for sibling in siblings]
    assert [decision.refusal is None for decision in decisions] == [True, True, True, False, False]
    refused = decisions[3].refusal
    assert (refused.reason, refused.link_index) == (Reason.BUDGET_EXCEEDED, 0)
    assert (refused.field, refused.parent) == ("billing.refund.amount", "10 of 100 in sum")
    assert ask(billing, siblings[4], 10).refusal is None


def test_the_same_refunds_within_the_budget_are_all_permitted(planner, billing):
    task = planner.grant(refunds(budget("amount", 150)))
    siblings = [planner.hand_off(task, f"agent/sibling-{n}") for n in range(5)]
    assert not reasons([ask(billing, sibling, 30) for sibling in siblings])


@pytest.mark.spec("A-12", "A-14")
@pytest.mark.parametrize("amounts", [[20.01] * 100, [0.01, 7.77, 49.99, 3.5] * 25], ids=["alike", "different"])
def test_of_a_hundred_callers_at_once_none_overspends_by_a_cent(planner, billing, amounts):
    task = planner.grant(refunds(budget("amount", 200)))
    siblings = [planner.hand_off(task, f"agent/sibling-{n}") for n in range(10)]
    questions = [siblings[n % 10].question("billing", "refund", {"amount": amount}) for n, amount in enumerate(amounts)]
    decisions = at_once(*(partial(billing.decide_question, question) for question in questions))
    spent = sum_of(decisions, amounts)
    assert reasons(decisions) == {Reason.BUDGET_EXCEEDED}
    assert spent <= 200
    left = 200 - spent
    assert left < Decimal(str(max(amounts)))  # nothing that still fits was refused for good
    if 0 < left <= 50:
        assert ask(billing, siblings[0], float(left)).refusal is None
    assert ask(billing, task, 0.01).refusal is not None


def test_a_hundred_callers_at_once_within_the_budget_are_all_permitted(planner, billing):
    task = planner.grant(refunds(budget("amount", 2001)))
    decisions = at_once(
        *(partial(billing.decide_question, task.question("billing", "refund", {"amount": 20.01})) for _ in range(100))
    )
    assert not reasons(decisions)


@pytest.mark.spec("A-12", "A-13")
def test_a_links_own_limit_binds_its_subtree_and_leaves_its_siblings_the_rest(planner, billing):
    task = planner.grant(refunds(at_most_calls(5), budget("amount", 100)))
    narrow = Scope(refunds(at_most_calls(2), budget("amount", 60)))
    child = planner.hand_off(task, "agent/child", scope=narrow)
    below = [planner.hand_off(child, f"agent/below-{n}") for n in range(2)]
    sibling = planner.hand_off(task, "agent/sibling")
    assert ask(billing, below[0], 10).refusal is None
    assert ask(billing, below[1], 10).refusal is None
    exhausted = ask(billing, child, 10).refusal
    assert (exhausted.reason, exhausted.link_index) == (Reason.CALLS_EXHAUSTED, 1)
    assert [ask(billing, sibling, 10).refusal for _ in range(3)] == [None] * 3
    exhausted = ask(billing, sibling, 10).refusal
    assert (exhausted.reason, exhausted.link_index) == (Reason.CALLS_EXHAUSTED, 0)


@pytest.mark.spec("A-17")
def test_a_call_that_is_refused_for_anything_uses_nothing(planner, billing):
    task = planner.grant(refunds(at_most_calls(1), budget("amount", 50)))
    for arguments in ({"amount": 51}, {"amount": 50, "extra": 1}, {}, {"amount": -1}):
        assert billing.decide(task, "billing", "refund", arguments).refusal is not None
    stolen = task.proof("billing", "refund", {"amount": 50}, key=new_key())
    assert (
        billing.decide(task, "billing", "refund", {"amount": 50}, proof=stolen).refusal.reason is Reason.PROOF_INVALID
    )
    assert ask(billing, task, 50).refusal is None


@pytest.mark.spec("A-11", "A-17")
def test_a_question_that_is_repeated_is_charged_once_and_a_replay_never(planner, billing):
    task = planner.grant(refunds(at_most_calls(2)))
    question = task.question("billing", "refund", {"amount": 5})
    decisions = at_once(*[partial(billing.decide_question, question)] * 20)
    assert len({decision.call_id for decision in decisions}) == 1
    assert not reasons(decisions)
    replayed = billing.decide_question(replace(question, attempt=bytes(range(16))))
    assert replayed.refusal.reason is Reason.PROOF_REPLAYED
    assert ask(billing, task, 5).refusal is None
    assert ask(billing, task, 5).refusal.reason is Reason.CALLS_EXHAUSTED


# -- outcomes


@pytest.mark.spec("A-16")
def test_what_was_reserved_stays_spent_while_its_outcome_is_suppressed(planner, billing):
    task = planner.grant(refunds(budget("amount", 50)))
    assert ask(billing, task, 50).refusal is None
    assert ask(billing, task, 0.01).refusal.reason is Reason.BUDGET_EXCEEDED


@pytest.mark.spec("A-16")
def test_the_tools_signed_failure_gives_back_what_the_call_took_and_nothing_else_does(planner, billing):
    task = planner.grant(refunds(at_most_calls(2), budget("amount", 50)))
    first, guard = ask(billing, task, 50), GuardRecords(new_key())
    for _ in range(3):
        billing.report(guard.outcome(first.call_id, OutcomeStatus.FAILED), guard.key.public)
    second = ask(billing, task, 50)
    assert second.refusal is None
    billing.report(guard.outcome(second.call_id, OutcomeStatus.OK), guard.key.public)
    with pytest.raises(Conflict):
        billing.report(guard.outcome(second.call_id, OutcomeStatus.FAILED), guard.key.public)
    assert ask(billing, task, 1).refusal.reason is Reason.CALLS_EXHAUSTED  # a failed call was a call


# -- the end of a task, and its renewal


def test_a_call_after_completion_is_refused_whatever_is_left(planner, billing):
    task = planner.grant(refunds(budget("amount", 50)))
    child = planner.hand_off(task, "agent/child")
    assert ask(billing, child, 10).refusal is None
    planner.complete(task)
    assert ask(billing, child, 10).refusal.reason is Reason.TASK_ENDED


def test_tools_without_conditions_are_not_held_up_by_those_that_have_some(planner, as_, billing):
    task = planner.grant(refunds(at_most_calls(1)), any_call("files", "read"))
    assert ask(billing, task, 1).refusal is None
    assert ask(billing, task, 1).refusal.reason is Reason.CALLS_EXHAUSTED
    assert as_("tool/files").decide(task, "files", "read", {}).refusal is None


@pytest.mark.spec("A-15")
@pytest.mark.parametrize("again", [renew, reissue])
def test_a_grant_that_is_renewed_or_issued_anew_refills_nothing(planner, billing, again):
    task = planner.grant(refunds(at_most_calls(3), budget("amount", 50)))
    child = planner.hand_off(task, "agent/child")
    assert ask(billing, child, 30).refusal is None
    new = again(planner, task)
    refused = ask(billing, planner.hand_off(new, "agent/child"), 21).refusal
    assert (refused.reason, refused.parent) == (Reason.BUDGET_EXCEEDED, "20 of 50 in sum")
    assert ask(billing, new, 20).refusal is None


# -- what remains is seen


def test_whoever_sees_a_task_sees_what_each_link_has_used_and_what_remains(planner, billing):
    task = planner.grant(refunds(at_most_calls(3), budget("amount", 50)))
    child = planner.hand_off(task, "agent/child", scope=Scope(refunds(at_most_calls(2), budget("amount", 40))))
    other = planner.hand_off(task, "agent/other")
    for holding, amount in ((child, 10), (other, 5.5)):
        assert ask(billing, holding, amount).refusal is None
    _, links = planner.task(task.task_id)
    seen = {link.link_id: [(use.argument, use.used, use.remaining) for use in link.uses] for link in links}
    assert seen == {
        task.leaf.link_id: [("", "2", "1"), ("amount", "15.5", "34.5")],
        child.leaf.link_id: [("", "1", "1"), ("amount", "10", "30")],
        other.leaf.link_id: [("", "1", "2"), ("amount", "5.5", "44.5")],
    }
    planner.complete(task)
    assert not any(link.uses for link in planner.task(task.task_id)[1])
