"""What one replica acknowledged holds at the other, over the bare contract."""

from __future__ import annotations

import hashlib
import json
import queue
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from delegation.core.attest import open_binding, open_bundle, open_feed_entry, open_offer
from delegation.core.conditions import budget
from delegation.core.revocation import RevocationKind, RevocationState, revocation_key
from delegation.core.scope import any_call
from delegation.errors import BadProof, BadStatement, Conflict, NotFound, Reason, Revoked
from delegation.wire import trust as wire
from support.caller import GuardRecords, decided, new_key, nonce, now_ms, parse_token
from support.live_agent import live, request_offer
from support.server import spiffe_id

READ = any_call("files", "read")
DEADLINE_SECONDS = 60
TIMES = 8


def at_once(*calls):
    """Make calls at the same time; give answers and exceptions."""
    with ThreadPoolExecutor(len(calls)) as pool:
        futures = [pool.submit(call) for call in calls]
        return [future.exception() or future.result() for future in futures]


def test_a_chain_that_one_has_recorded_is_known_to_the_other(at):
    here, there = at(0), at(1)
    task = here.grant(READ)
    child = there.hand_off(task, "agent/reader")
    assert here.decide(child, "files", "read", {}).refusal is None
    assert there.chain(child.leaf.link_id)
    assert len(here.task(task.task_id)[1]) == 2


@pytest.mark.spec("P-8")
def test_a_proof_presented_to_both_at_once_is_accepted_by_one(at):
    here, there = at(0), at(1)
    task = here.grant(READ)
    for _ in range(TIMES):
        first = task.question("files", "read", {})
        second = replace(first, attempt=nonce())  # another instance of the tool
        decisions = at_once(partial(here.decide_question, first), partial(there.decide_question, second))
        refusals = [decision.refusal and decision.refusal.reason for decision in decisions]
        assert sorted(refusals, key=str) == [None, Reason.PROOF_REPLAYED]


@pytest.mark.spec("P-8")
def test_a_proof_consumed_at_both_at_once_is_consumed_once(at):
    here, there = at(0, "tool/files"), at(1, "tool/files")
    for _ in range(TIMES):
        used, issued_ms = nonce(), now_ms()
        results = at_once(*(partial(tool.consume, "files", used, issued_ms) for tool in (here, there)))
        (replayed,) = [result for result in results if result is not None]
        assert isinstance(replayed, BadProof)
        assert replayed.reason is Reason.PROOF_REPLAYED


@pytest.mark.spec("A-11")
def test_the_same_question_to_both_at_once_gets_one_decision(at):
    here, there = at(0), at(1)
    task = here.grant(READ)
    for _ in range(TIMES):
        question = task.question("files", "read", {})
        one, other = at_once(partial(here.decide_question, question), partial(there.decide_question, question))
        assert one.call_id == other.call_id
        assert one.refusal is other.refusal is None


def test_a_grant_asked_of_both_at_once_under_one_key_is_given_once(at):
    here, there = at(0), at(1)
    for number in range(TIMES):
        key, name = new_key(), f"grant-{now_ms()}-{number}"
        results = at_once(*(partial(caller.grant, READ, key=key, idempotency_key=name) for caller in (here, there)))
        assert results[0].token == results[1].token
    with pytest.raises(Conflict):
        there.grant(READ, key=new_key(), idempotency_key=name)


def test_a_handoff_submitted_to_both_at_once_has_one_receipt(at):
    here, there = at(0), at(1)
    task = here.grant(READ)
    for _ in range(TIMES):
        child = task.child("agent/reader")
        (one,), (other,) = at_once(partial(here.record, child), partial(there.record, child))
        assert one.receipt == other.receipt


@pytest.mark.spec("R-3", "R-4")
def test_after_a_revocation_at_one_the_other_never_permits(at):
    here, there = at(0), at(1)
    for _ in range(TIMES):
        task = here.grant(READ)
        child = here.hand_off(task, "agent/reader")
        assert there.decide(child, "files", "read", {}).refusal is None  # it has the chain in its memory
        with ThreadPoolExecutor(2) as pool:
            asking = pool.submit(lambda child=child: [there.decide(child, "files", "read", {}) for _ in range(10)])
            here.complete(task)
            after = there.decide(child, "files", "read", {})
            asking.result()
        assert after.refusal is not None
        assert after.refusal.reason is Reason.TASK_ENDED


@pytest.mark.spec("R-3")
def test_a_revocation_at_one_reaches_watchers_at_the_other(replicas, at):
    here, there = at(0), at(1)
    bundle = open_bundle(there.trust_documents().bundle, replicas[1].trust_root, now_ms=now_ms())
    state, call = RevocationState(), there.watch()
    task = here.grant(READ)
    position = here.complete(task).feed_position
    while (state.position or 0) < position:
        state.apply(open_feed_entry(wire.read_feed_entry(next(call)), bundle, now_ms=now_ms()), monotonic_ms=0)
    call.cancel()
    with pytest.raises(Revoked):
        state.check(frozenset({revocation_key(RevocationKind.TASK, task.task_id)}))


def test_a_guards_records_go_on_at_whichever_replica(at):
    here, there = at(0, "tool/files"), at(1, "tool/files")
    task = at(0).grant(READ)
    guard = GuardRecords(new_key())
    for number in range(TIMES):
        batch = guard.batch(decided(task, "files", "read", {}), decided(task, "files", "read", {}))
        assert (here, there)[number % 2].record_decisions(batch) == guard.next_sequence
        assert (there, here)[number % 2].record_decisions(batch) == guard.next_sequence  # sent again
    calls, _ = at(1, "developer").calls(task_id=task.task_id)
    assert len(calls) == 2 * TIMES


# -- offers ------------------------------------------------------------------------------------------------


def offered_key(statement):
    return open_offer(statement, now_ms=now_ms(), delegator=spiffe_id("agent/planner")).holder_key


def offer_from(planner, path):
    """Ask until the replicas hear one another, which takes a moment after they have started."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            return request_offer(planner, path)
        except NotFound:
            assert time.monotonic() < deadline


def test_an_instance_at_one_replica_is_reached_from_the_other_and_gets_its_work(replicas, at):
    planner = at(1)
    with live(at(0, "agent/worker"), "agent/worker") as worker:
        key = worker.keys[offered_key(offer_from(planner, "agent/worker"))]
        child = planner.grant(READ).child("agent/worker", key=key)
        (recorded,) = planner.record(child)
        binding = open_binding(recorded.binding, replicas[0].application._parts.trust.in_use.keys.statement.public)
        assert (binding.agent, binding.holder_key) == (worker.agent, key.public)
        delivered = parse_token(worker.work.get(timeout=DEADLINE_SECONDS))
        assert [frame.payload for frame in delivered.frames][-1] == child.leaf.payload
        assert recorded.receipt in delivered.statements
        assert len(delivered.statements) == 2
        holding = replace(child, token=child.token)
        assert planner.decide(holding, "files", "read", {}).refusal is None


@pytest.mark.spec("T-9")
def test_an_offer_is_good_for_one_handoff_at_whichever_replica(at):
    here, there = at(0), at(1)
    with live(at(0, "agent/worker"), "agent/worker") as worker:
        key = worker.keys[offered_key(request_offer(here, "agent/worker"))]
        there.record(there.grant(READ).child("agent/worker", key=key))
        with pytest.raises(BadStatement) as refused:
            here.record(here.grant(READ).child("agent/worker", key=key))
        assert refused.value.reason is Reason.OFFER_INVALID
        second = worker.keys[offered_key(request_offer(here, "agent/worker"))]
        thief = at(1, "agent/thief")
        with pytest.raises(BadStatement) as refused:
            thief.record(thief.grant(READ).child("agent/worker", key=second))
        assert refused.value.reason is Reason.OFFER_INVALID


def test_work_for_an_instance_at_the_other_replica_is_delivered_once(at):
    here, there = at(0), at(1)
    with live(at(0, "agent/worker"), "agent/worker") as worker:
        offered = [worker.keys[offered_key(request_offer(here, "agent/worker"))] for _ in range(2)]
        task = there.grant(READ)
        children = [task.child("agent/worker", key=key) for key in offered]
        for child in children:
            there.record(child)
            there.record(child)
        delivered = {parse_token(worker.work.get(timeout=DEADLINE_SECONDS)).frames[-1].payload for _ in offered}
        assert delivered == {child.leaf.payload for child in children}
        with pytest.raises(queue.Empty):
            worker.work.get_nowait()


def test_an_agent_that_is_connected_nowhere_cannot_be_asked(at):
    with pytest.raises(NotFound, match="no instance"):
        request_offer(at(0), "agent/nobody")


def test_what_a_column_says_does_not_make_the_service_vouch_for_a_key(postgres, replicas, at):
    """Whoever could write to the database would otherwise get a binding of his key to another agent's name."""
    planner = at(1)
    with live(at(0, "agent/worker"), "agent/worker") as worker:
        key = worker.keys[offered_key(offer_from(planner, "agent/worker"))]
        impostor = planner.grant(READ).child("agent/impostor")
        planner.record(impostor)
        database = replicas[0].application.config.database.url.get_secret_value().rpartition("/")[2]
        link, digest = impostor.leaf.link_id.hex(), hashlib.sha256(key.public).hexdigest()
        postgres.sql(database, f"UPDATE offers SET taken_by = '{link}' WHERE offer_digest = '\\x{digest}'")
        postgres.sql(
            database,
            f"UPDATE links SET holder_agent = '{spiffe_id('agent/worker')}', holder_key = '\\x{key.public.hex()}'"
            f" WHERE link_id = '\\x{link}'",
        )
        hint = json.dumps({"from": "somebody", "work": link, "offer": digest})
        postgres.sql(database, f"SELECT pg_notify('delegation_relay', '{hint}')")
        other = worker.keys[offered_key(request_offer(at(0), "agent/worker"))]  # what comes later is delivered
        child = planner.grant(READ).child("agent/worker", key=other)
        planner.record(child)
        delivered = parse_token(worker.work.get(timeout=DEADLINE_SECONDS)).frames[-1].payload
        assert delivered == child.leaf.payload
        assert worker.work.empty()


@pytest.mark.spec("A-12", "A-14")
def test_a_budget_is_not_overspent_by_a_hundred_callers_at_both(at):
    refund = any_call("billing", "refund", budget("amount", 100))
    tools = at(0, "tool/billing"), at(1, "tool/billing")
    for _ in range(2):
        task = at(0).grant(refund)
        siblings = [at(n % 2).hand_off(task, f"agent/sibling-{n}") for n in range(4)]
        questions = [siblings[n % 4].question("billing", "refund", {"amount": 7.01}) for n in range(100)]
        decisions = at_once(*(partial(tools[n % 2].decide_question, each) for n, each in enumerate(questions)))
        assert sum(decision.refusal is None for decision in decisions) == 14
        assert {each.refusal.reason for each in decisions if each.refusal} == {Reason.BUDGET_EXCEEDED}
        for place in (0, 1):
            refused = tools[place].decide(task, "billing", "refund", {"amount": 1.87}).refusal
            assert refused.parent == "1.86 of 100 in sum"
