"""TrustService: the signed bundle, the revocation feed, offers between agents that are live."""

from __future__ import annotations

import grpc
import pytest

from delegation.core.attest import open_binding, open_bundle, open_feed_entry, sign_offer
from delegation.core.revocation import RevocationKind, RevocationState, revocation_key
from delegation.core.scope import any_call
from delegation.core.statement import Offer
from delegation.core.verify import Verifier
from delegation.errors import (
    BadStatement,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Reason,
    Revoked,
)
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire import trust as wire
from delegation.wire.errors import error_of_call
from support.caller import new_key, nonce, now_ms, parse_token
from support.live_agent import LiveAgent, live, request_offer
from support.server import spiffe_id

READ = any_call("files", "read")


@pytest.fixture
def bundle(server, planner):
    return open_bundle(planner.trust_documents().bundle, server.trust_root, now_ms=now_ms())


class Watcher:
    """A verifier that follows the feed; every entry is checked as it comes."""

    def __init__(self, caller, bundle, after_position=0):
        self.call = caller.watch(after_position)
        self.bundle = bundle
        self.state = RevocationState()

    def next(self):
        entry = open_feed_entry(wire.read_feed_entry(next(self.call)), self.bundle, now_ms=now_ms())
        self.state.apply(entry, monotonic_ms=0)
        return entry

    def until(self, position):
        while (self.state.position or 0) < position:
            self.next()
        return self.state


@pytest.fixture
def watch(planner, bundle):
    watchers = []

    def start(after_position=0):
        watchers.append(Watcher(planner, bundle, after_position))
        return watchers[-1]

    yield start
    for watcher in watchers:
        watcher.call.cancel()


# -- trust bundle


def test_the_bundle_is_signed_by_the_root_and_verifies_what_the_service_grants(bundle, planner):
    token = planner.grant(READ).token
    assert Verifier(bundle).verify(token, now_ms=now_ms(), revocations=RevocationState.nothing_revoked()).depth == 1


def test_the_bundle_of_a_service_without_a_catalogue_makes_no_tool_local(bundle, planner):
    assert bundle.catalogue_digest == b""
    assert planner.trust_documents().catalogue == b""


def test_another_root_key_is_not_taken_for_this_one(planner):
    with pytest.raises(BadStatement):
        open_bundle(planner.trust_documents().bundle, new_key().public, now_ms=now_ms())


# -- feed


def test_a_new_watcher_gets_a_snapshot_and_then_what_is_revoked(watch, planner):
    watcher = watch()
    assert watcher.next().snapshot
    task = planner.grant(READ)
    position = planner.complete(task).feed_position
    with pytest.raises(Revoked):
        watcher.until(position).check(frozenset({revocation_key(RevocationKind.TASK, task.task_id)}))


def test_a_snapshot_has_everything_that_was_revoked_before(watch, planner):
    tasks = [planner.grant(READ) for _ in range(5)]
    position = max(planner.complete(task).feed_position for task in tasks)
    state = watch().until(position)
    for task in tasks:
        with pytest.raises(Revoked):
            state.check(frozenset({revocation_key(RevocationKind.TASK, task.task_id)}))


def test_heartbeats_come_without_news_and_each_is_younger(watch):
    watcher = watch()
    times = [watcher.next().issued_at_ms for _ in range(4)]
    assert times == sorted(times)
    assert times[-1] > times[0]


def test_a_watcher_that_comes_back_gets_only_what_it_missed(watch, planner):
    first = watch()
    first.next()
    position = first.state.position
    first.call.cancel()
    task = planner.grant(READ)
    completed = planner.complete(task)
    again = watch(after_position=position)
    again.state = first.state
    entry = again.next()
    assert not entry.snapshot
    assert again.until(completed.feed_position).position >= completed.feed_position


def test_a_watcher_from_the_future_gets_a_snapshot(watch):
    assert watch(after_position=10**9).next().snapshot


def test_many_watchers_share_one_signature_for_each_piece(watch, planner):
    watchers = [watch() for _ in range(5)]
    for watcher in watchers:
        watcher.next()
    position = planner.complete(planner.grant(READ)).feed_position
    for watcher in watchers:
        watcher.until(position)
    assert {watcher.state.position for watcher in watchers} == {watchers[0].state.position}


# -- agents


def test_an_agent_that_registers_itself_is_shown_with_its_owner(planner):
    for owner in ("team-search", "team-lookup"):  # again, it replaces the owner
        request = pb.RegisterAgentRequest(agent=spiffe_id("agent/planner"), owner=owner)
        planner.ask(planner.trust.RegisterAgent, request)
        assert owner_of_leaf(planner, planner.grant(READ)) == owner


def test_no_agent_gives_itself_another_owner_than_the_operator_has_listed(planner, as_):
    plain = as_("agent/plain")
    plain.ask(plain.trust.RegisterAgent, pb.RegisterAgentRequest(agent=spiffe_id("agent/plain"), owner="somebody"))
    handed_on = planner.hand_off(planner.grant(READ), "agent/plain")
    assert owner_of_leaf(planner, handed_on) == "tests"


def test_of_an_agent_that_nobody_answers_for_no_owner_is_shown(planner):
    handed_on = planner.hand_off(planner.grant(READ), "agent/unheard-of")
    assert owner_of_leaf(planner, handed_on) == ""


def owner_of_leaf(caller, holding):
    return next(link.owner for link in caller.task(holding.task_id)[1] if link.link_id == holding.leaf.link_id)


@pytest.mark.parametrize(
    ("agent", "owner", "error"),
    [
        ("agent/other", "me", PermissionDenied),
        ("agent/plain", "", InvalidRequest),
        ("agent/plain", "o" * 300, InvalidRequest),
    ],
)
def test_an_agent_registers_nobody_else_and_nobody_without_an_owner(as_, agent, owner, error):
    plain = as_("agent/plain")
    with pytest.raises(error):
        plain.ask(plain.trust.RegisterAgent, pb.RegisterAgentRequest(agent=spiffe_id(agent), owner=owner))


# -- offers


@pytest.fixture
def worker(as_):
    with live(as_("agent/worker"), "agent/worker") as agent:
        yield agent


def offered_key(statement):
    from delegation.core.attest import open_offer

    return open_offer(statement, now_ms=now_ms(), delegator=spiffe_id("agent/planner")).holder_key


def test_work_handed_to_an_offered_key_is_bound_and_delivered(server, planner, worker):
    key = worker.keys[offered_key(request_offer(planner, "agent/worker"))]
    child = planner.grant(READ).child("agent/worker", key=key)
    (recorded,) = planner.record(child)
    binding = open_binding(recorded.binding, server.application._parts.trust.in_use.keys.statement.public)
    assert (binding.agent, binding.holder_key) == (worker.agent, key.public)
    delivered = worker.work.get(timeout=10)
    assert parse_token(delivered).statements == (recorded.receipt, recorded.binding)


def test_a_repeated_handoff_is_answered_as_before_and_delivered_once(planner, worker):
    key = worker.keys[offered_key(request_offer(planner, "agent/worker"))]
    task, name = planner.grant(READ), f"delivered-{now_ms()}"
    child = task.child("agent/worker", key=key)
    first = planner.record(child, idempotency_key=name)
    assert planner.record(child, idempotency_key=name) == first  # its binding, too
    (again,) = planner.record(child)  # without the key, what is recorded is the same
    assert (again.link_id, again.receipt) == (first[0].link_id, first[0].receipt)
    assert again.binding is not None
    last = task.child("agent/worker", key=worker.keys[offered_key(request_offer(planner, "agent/worker"))])
    planner.record(last)
    delivered = [parse_token(worker.work.get(timeout=10)).frames[-1].payload for _ in range(2)]
    assert delivered == [child.leaf.payload, last.leaf.payload]


@pytest.mark.spec("T-9")
def test_an_offer_is_good_for_one_handoff(planner, worker):
    key = worker.keys[offered_key(request_offer(planner, "agent/worker"))]
    planner.record(planner.grant(READ).child("agent/worker", key=key))
    with pytest.raises(BadStatement) as refused:
        planner.record(planner.grant(READ).child("agent/worker", key=key))
    assert refused.value.reason is Reason.OFFER_INVALID


def test_an_offered_key_is_not_given_to_another_agent(planner, worker):
    key = worker.keys[offered_key(request_offer(planner, "agent/worker"))]
    with pytest.raises(BadStatement) as refused:
        planner.record(planner.grant(READ).child("agent/impostor", key=key))
    assert refused.value.reason is Reason.OFFER_INVALID
    assert planner.record(planner.grant(READ).child("agent/worker", key=key))


@pytest.mark.spec("T-9")
def test_an_offer_for_one_delegator_is_not_used_by_another(planner, as_, worker):
    key = worker.keys[offered_key(request_offer(planner, "agent/worker"))]
    thief = as_("agent/thief")
    with pytest.raises(BadStatement) as refused:
        thief.record(thief.grant(READ).child("agent/worker", key=key))
    assert refused.value.reason is Reason.OFFER_INVALID


def test_an_agent_that_is_not_connected_cannot_be_asked(planner):
    with pytest.raises(NotFound, match="no instance"):
        request_offer(planner, "agent/nobody")


def test_a_tool_asks_for_no_offers(as_, worker):
    with pytest.raises(PermissionDenied):
        request_offer(as_("tool/files"), "agent/worker")


def test_nobody_answers_for_another_agent(as_):
    call = as_("agent/plain").trust.AnswerOffer(
        iter([wire.from_instance_message(wire.Ready(spiffe_id("agent/other")))]), timeout=20
    )
    with pytest.raises(grpc.RpcError) as failed:
        list(call)
    assert isinstance(error_of_call(failed.value), PermissionDenied)


def test_the_first_message_says_who_is_ready(as_):
    call = as_("agent/plain").trust.AnswerOffer(iter([]), timeout=20)
    with pytest.raises(grpc.RpcError) as failed:
        list(call)
    assert isinstance(error_of_call(failed.value), InvalidRequest)


@pytest.mark.parametrize(
    "change",
    [
        {"agent": spiffe_id("agent/other")},
        {"audience": spiffe_id("agent/other")},
        {"expires_at_ms": now_ms() - 1},
        {"expires_at_ms": now_ms() + 3_600_000},
    ],
    ids=["of another agent", "for another delegator", "expired", "too long"],
)
def test_an_answer_that_is_no_fitting_offer_fails_the_request(planner, as_, change):
    key = new_key()

    def bad(delegator):
        offer = Offer(spiffe_id("agent/bad"), key.public, delegator, now_ms() + 60_000, nonce())
        return sign_offer(offer._replace(**change), key)

    with live(as_("agent/bad"), "agent/bad", bad), pytest.raises(BadStatement) as refused:
        request_offer(planner, "agent/bad")
    assert refused.value.reason is Reason.OFFER_INVALID


def test_an_instance_that_goes_away_fails_those_who_wait_for_it(planner, as_):
    agent = LiveAgent(as_("agent/leaving"), "agent/leaving", lambda delegator: agent.call.cancel())
    with pytest.raises(NotFound):
        request_offer(planner, "agent/leaving")
