"""Flows driven by hand: what they ask for, and what they make of each answer."""

from __future__ import annotations

import pytest

from delegation.core.attest import sign_offer
from delegation.core.keys import SigningKey
from delegation.core.scope import Scope
from delegation.core.statement import Offer
from delegation.errors import (
    BadStatement,
    Conflict,
    Reason,
    RequestFailed,
    Revoked,
    ScopeGrew,
    ServiceUnavailable,
    refusal,
)
from delegation.v1 import delegation_service_pb2 as pb
from delegation.v1 import trust_service_pb2 as trust_pb
from delegation.wire.delegation import read_grant_request
from delegation.wire.trust import Listening as Confirmed
from delegation.wire.trust import (
    OfferWanted,
    WorkHandedOff,
    read_from_instance,
    request_offer_response_message,
    to_instance_message,
)
from delegation_sdk import Delegation, flows, tool, under
from delegation_sdk.flows import GrantWanted, HandOffWanted
from delegation_sdk.testing import Authority

PLANNER = "spiffe://test.example/agent/planner"
HELPER = "spiffe://test.example/agent/helper"


@pytest.fixture
def sources(clock):
    return clock.sources()


@pytest.fixture
def answer(authority):
    """What the authority answers to a planner."""
    return lambda rpc: authority._service.answer(rpc.method, rpc.request, PLANNER)


def finish(flow, value):
    with pytest.raises(StopIteration) as done:
        flow.send(value)
    return done.value.value


def test_a_grant_is_asked_for_a_fresh_key_once(scope, sources, answer):
    flow = flows.grant(GrantWanted("Tidy up", scope, lifetime_ms=60_000), sources)
    rpc = next(flow)

    asked = read_grant_request(rpc.request)
    assert rpc.method == "delegation.v1.DelegationService/Grant"
    assert (asked.purpose, asked.scope, asked.lifetime_ms) == ("Tidy up", scope, 60_000)
    assert asked.idempotency_key
    task = finish(flow, answer(rpc))
    assert task.leaf.holder_key == asked.holder_key
    assert task.require_key().public == asked.holder_key


def test_a_grant_for_another_key_is_not_taken(scope, sources, answer):
    other = next(flows.grant(GrantWanted("Tidy up", scope), sources))
    flow = flows.grant(GrantWanted("Tidy up", scope), sources)
    next(flow)

    with pytest.raises(RequestFailed, match="another grant"):
        flow.send(answer(other))


def test_a_grant_that_is_wider_than_asked_for_is_not_taken(scope, sources, answer):
    flow = flows.grant(GrantWanted("Tidy up", Scope()), sources)
    rpc = next(flow)
    rpc.request.scope.CopyFrom(next(flows.grant(GrantWanted("Tidy up", scope), sources)).request.scope)

    with pytest.raises(RequestFailed, match="another grant"):
        flow.send(answer(rpc))


def test_an_answer_that_makes_no_sense_is_the_services_fault(scope, sources):
    flow = flows.grant(GrantWanted("Tidy up", scope), sources)
    next(flow)

    with pytest.raises(RequestFailed):
        flow.send(pb.GrantResponse(token=b"\xff", task_id=bytes(16)))


def test_a_handoff_is_signed_here_and_recorded_there(task, sources, answer):
    flow = flows.hand_off(task, HandOffWanted(HELPER, task.scope.only("files", "read")), sources)
    rpc = next(flow)
    child = finish(flow, answer(rpc))

    assert child.recorded
    assert child.leaf.holder_agent == HELPER
    assert child.leaf.expires_at_ms - child.leaf.not_before_ms == 5 * 60_000
    assert child.leaf.remaining_depth == task.leaf.remaining_depth - 1
    assert {statement.kind for statement in child.chain.statements} == {"receipt", "binding"}


@pytest.mark.spec("N-6")
def test_a_wider_handoff_is_refused_before_anybody_is_asked(task, sources):
    wider = Scope(tool("files", "read", path=under("/")))

    with pytest.raises(ScopeGrew) as caught:
        next(flows.hand_off(task, HandOffWanted(HELPER, wider), sources))
    assert caught.value.field == "scope[files.read].path"
    assert "/srv" in caught.value.parent


@pytest.mark.spec("N-6")
@pytest.mark.parametrize("excess", [{"lifetime_ms": 24 * 3_600_000}, {"max_depth": 9}])
def test_a_handoff_cannot_outlive_or_outreach_its_delegator(task, sources, excess):
    with pytest.raises(ScopeGrew):
        next(flows.hand_off(task, HandOffWanted(HELPER, **excess), sources))


def test_the_default_lifetime_ends_with_the_delegators(client, scope, sources, clock):
    task = client.begin_task("Hurry", scope=scope, ttl="1m")
    clock.pass_ms(20_000)
    flow = flows.hand_off(task, HandOffWanted(HELPER), sources)

    assert finish_offline(flow, task).expires_at_ms == task.expires_at_ms


def finish_offline(flow, parent):
    """Take the handoff that a flow signs, without an answer."""
    rpc = next(flow)
    flow.close()
    return Delegation(rpc.request.tokens[0])


def test_without_the_service_a_handoff_fails_where_it_must_be_recorded(task, sources):
    flow = flows.hand_off(task, HandOffWanted(HELPER), sources)
    next(flow)

    with pytest.raises(ServiceUnavailable):
        flow.throw(ServiceUnavailable("gone"))


def test_without_the_service_a_handoff_is_made_where_the_grant_allows_it(client, scope, sources):
    task = client.begin_task("Tidy up", scope=scope, unrecorded_handoffs=True)
    flow = flows.hand_off(task, HandOffWanted(HELPER), sources)
    next(flow)

    with pytest.raises(StopIteration) as done:
        flow.throw(ServiceUnavailable("gone"))
    child = done.value.value
    assert not child.recorded
    assert child.holds_key


@pytest.mark.parametrize("error", [Conflict("twice"), refusal(Reason.TASK_ENDED)])
def test_what_the_service_refuses_is_never_done_offline(client, scope, sources, error):
    task = client.begin_task("Tidy up", scope=scope, unrecorded_handoffs=True)
    flow = flows.hand_off(task, HandOffWanted(HELPER), sources)
    next(flow)

    with pytest.raises((Conflict, Revoked)):
        flow.throw(error)


def test_a_receipt_for_another_link_is_not_taken(task, sources, answer):
    one, two = (flows.hand_off(task, HandOffWanted(HELPER), sources) for _ in range(2))
    next(one)

    with pytest.raises(RequestFailed, match="another handoff"):
        one.send(answer(next(two)))


def test_an_unrecorded_handoff_is_recorded_later(client, scope, sources, answer):
    task = client.begin_task("Tidy up", scope=scope, unrecorded_handoffs=True)
    flow = flows.hand_off(task, HandOffWanted(HELPER), sources)
    next(flow)
    with pytest.raises(StopIteration) as done:
        flow.throw(ServiceUnavailable("gone"))
    later = flows.record(done.value.value, sources)

    recorded = finish(later, answer(next(later)))
    assert recorded.recorded
    assert recorded.digest == done.value.value.digest
    assert recorded.holds_key


@pytest.fixture
def offer_key(sources):
    return SigningKey.generate(sources.random)


@pytest.fixture
def offer(offer_key, clock):
    return Offer(HELPER, offer_key.public, PLANNER, clock.now_ms + 60_000, bytes(16))


@pytest.mark.spec("T-8")
def test_an_offer_is_taken_only_from_the_agent_that_was_asked(offer, offer_key, sources):
    flow = flows.request_offer(HELPER, PLANNER, sources)
    next(flow)
    assert finish(flow, request_offer_response_message(sign_offer(offer, offer_key))) == offer

    flow = flows.request_offer("spiffe://test.example/agent/other", PLANNER, sources)
    next(flow)
    with pytest.raises(BadStatement, match="offer_invalid"):
        flow.send(request_offer_response_message(sign_offer(offer, offer_key)))


def test_work_handed_off_to_an_offer_is_for_its_holder_alone(task, offer, offer_key, sources, answer):
    flow = flows.hand_off(task, HandOffWanted(HELPER, offer=offer), sources)
    child = finish(flow, answer(next(flow)))

    assert child.leaf.holder_key == offer_key.public
    assert not child.holds_key


@pytest.mark.spec("T-8")
@pytest.mark.parametrize(
    "change",
    [
        {"agent": "spiffe://test.example/agent/mallory"},
        {"audience": "spiffe://test.example/agent/other"},
        {"expires_at_ms": 1},
    ],
    ids=["of another agent", "for another delegator", "expired"],
)
def test_an_offer_that_does_not_fit_is_refused(task, offer, sources, change):
    with pytest.raises(BadStatement) as caught:
        next(flows.hand_off(task, HandOffWanted(HELPER, offer=offer._replace(**change)), sources))
    assert caught.value.reason is Reason.OFFER_INVALID


def test_a_listening_agent_offers_a_fresh_key_and_takes_work_for_it(task, sources, answer):
    listening = flows.Listening(HELPER, sources)
    assert read_from_instance(listening.hello()).agent == HELPER
    assert listening.hear(to_instance_message(Confirmed())) is None
    assert listening.confirmed

    statement = read_from_instance(listening.hear(to_instance_message(OfferWanted(7, PLANNER)))).offer
    asked = flows.request_offer(HELPER, PLANNER, sources)
    next(asked)
    given = finish(asked, request_offer_response_message(statement))
    handing = flows.hand_off(task, HandOffWanted(HELPER, task.scope.only("files", "read"), offer=given), sources)
    child = finish(handing, answer(next(handing)))
    received = listening.hear(to_instance_message(WorkHandedOff(child.token)))

    assert received.holds_key
    assert received.digest == child.digest
    assert listening.hear(to_instance_message(WorkHandedOff(child.token))) is None, "an offer is used once"


def test_work_for_somebody_else_is_not_taken(helper, sources):
    listening = flows.Listening(HELPER, sources)

    assert listening.hear(to_instance_message(WorkHandedOff(helper.token))) is None
    assert listening.hear(to_instance_message(WorkHandedOff(b"\xff\xff"))) is None
    assert listening.hear(trust_pb.AnswerOfferResponse()) is None


def test_a_task_is_completed_by_the_holder_of_its_grant_alone(task, helper, sources, answer):
    flow = flows.complete_task(task, sources)
    assert finish(flow, answer(next(flow))) == 1

    with pytest.raises(RequestFailed, match="holder of its grant"):
        next(flows.complete_task(helper, sources))


def test_a_stranger_cannot_complete_a_task(task, scope, sources):
    with Authority(sources=sources) as elsewhere:
        stranger = elsewhere.client(PLANNER).begin_task("x", scope=scope)
        rpc = next(flows.complete_task(stranger, sources))
        rpc.request.task_id = task.task_id
        with pytest.raises(RequestFailed):
            elsewhere._service.answer(rpc.method, rpc.request, PLANNER)


def test_what_was_handed_on_is_revoked_by_its_delegator(task, helper, sources, answer):
    flow = flows.revoke_link(task, helper, sources, justification="no longer needed")
    rpc = next(flow)

    assert rpc.request.justification == "no longer needed"
    assert finish(flow, answer(rpc)) == 1
