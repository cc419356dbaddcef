"""Attacks on offers: taking an offer that was made to somebody else, or getting a name vouched for."""

from __future__ import annotations

import queue
from threading import Thread

import grpc
import pytest

from delegation.core.attest import open_offer, sign_offer
from delegation.core.scope import any_call
from delegation.core.statement import Offer, SignedStatement, StatementKind
from delegation.errors import BadStatement, InvalidRequest, PermissionDenied, Reason, RequestFailed
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire import trust as wire
from delegation.wire.errors import error_of_call
from support.caller import new_key, nonce, now_ms
from support.server import spiffe_id

READ = any_call("files", "read")
ALICE, BOB, EVE = map(spiffe_id, ("orchestrator/alice", "agent/bob", "agent/eve"))


class Instance:
    """A live instance of an agent; `change` lets it lie in its offers."""

    def __init__(self, caller, agent, /, **change):
        self.keys = {}
        self._said = queue.SimpleQueue()
        self._said.put(wire.Ready(agent))
        self._agent, self._change = agent, change
        self._call = caller.trust.AnswerOffer(map(wire.from_instance_message, iter(self._said.get, None)), timeout=20)
        next(self._call)
        self._thread = Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self):
        try:
            for message in self._call:
                said = wire.read_to_instance(message)
                if isinstance(said, wire.OfferWanted):
                    self._said.put(wire.OfferAnswer(said.request, self._offer(said.delegator)))
        except grpc.RpcError:
            pass  # the stream was cancelled

    def _offer(self, delegator):
        key = self._change.get("key") or new_key()
        self.keys[key.public] = key
        fields = {"agent": self._agent, "audience": delegator, "expires_at_ms": now_ms() + 60_000, **self._change}
        fields.pop("key", None)
        return sign_offer(Offer(holder_key=key.public, nonce=nonce(), **fields), key)

    def close(self):
        self._said.put(None)
        self._call.cancel()
        self._thread.join(10)


@pytest.fixture
def instance():
    open_instances = []

    def start(caller, agent, /, **change):
        open_instances.append(Instance(caller, agent, **change))
        return open_instances[-1]

    yield start
    for each in open_instances:
        each.close()


def test_messages_larger_than_an_offer_do_not_wait_in_the_services_memory(eve):
    large = SignedStatement(StatementKind.OFFER, bytes(16), bytes(20_000), bytes(64))
    said = [wire.Ready(EVE), *[wire.OfferAnswer(1, large)] * 3]
    call = eve.trust.AnswerOffer(map(wire.from_instance_message, said), timeout=20)
    with pytest.raises(grpc.RpcError) as ended:
        list(call)
    assert isinstance(error_of_call(ended.value), InvalidRequest)


def offered(caller, agent, delegator):
    statement = caller.ask(caller.trust.RequestOffer, pb.RequestOfferRequest(agent=agent))
    return open_offer(wire.read_request_offer_response(statement), now_ms=now_ms(), delegator=delegator).holder_key


@pytest.fixture
def bob(as_, instance):
    return instance(as_("agent/bob"), BOB)


@pytest.fixture
def eves(alice):
    """What Eve holds by right."""
    return alice.hand_off(alice.grant(READ), "agent/eve")


@pytest.mark.spec("T-9")
def test_an_offer_is_not_taken_by_whoever_calls_itself_the_delegator(alice, eve, eves, bob):
    key = bob.keys[offered(alice, BOB, ALICE)]
    alias = eves.child("orchestrator/alice")  # Eve's own key, under Alice's name
    eve.record(alias)
    with pytest.raises(BadStatement) as caught:
        eve.record(alias.child("agent/bob", key=key))
    assert caught.value.reason is Reason.OFFER_INVALID
    (recorded,) = alice.record(alice.grant(READ).child("agent/bob", key=key))
    assert recorded.binding is not None, "the offer is still good for whom it was made"


@pytest.mark.spec("T-9")
def test_an_offer_is_not_taken_by_naming_the_delegator_in_ones_own_hop(alice, eve, eves, bob):
    key = bob.keys[offered(alice, BOB, ALICE)]
    with pytest.raises(BadStatement):
        eve.record(eves.child("agent/bob", key=key))


def test_benign_twin_a_bound_delegators_handoff_may_be_recorded_by_another(alice, eve, bob):
    key = bob.keys[offered(alice, BOB, ALICE)]
    (recorded,) = eve.record(alice.grant(READ).child("agent/bob", key=key))
    assert recorded.binding is not None


@pytest.mark.spec("T-9")
def test_two_handoffs_at_once_do_not_share_an_offer(alice, bob):
    key = bob.keys[offered(alice, BOB, ALICE)]
    first, second = (alice.grant(READ).child("agent/bob", key=key) for _ in range(2))
    with pytest.raises(BadStatement):
        alice.record(first, second)
    assert alice.record(first)[0].binding is not None
    with pytest.raises(BadStatement):
        alice.record(second)


def test_a_key_that_was_not_offered_is_bound_to_nobody(alice):
    assert alice.record(alice.grant(READ).child("agent/bob"))[0].binding is None


def test_nobody_answers_under_another_agents_name(eve):
    call = eve.trust.AnswerOffer(iter([wire.from_instance_message(wire.Ready(BOB))]), timeout=20)
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    assert isinstance(error_of_call(caught.value), PermissionDenied)


@pytest.mark.parametrize(
    "lie",
    [{"agent": BOB}, {"audience": BOB}, {"agent": ""}, {"expires_at_ms": 1}, {"expires_at_ms": 2**53}],
    ids=str,
)
def test_an_instance_gets_no_name_but_its_own_vouched_for(alice, as_, instance, lie):
    instance(as_("agent/eve"), EVE, **lie)
    with pytest.raises((BadStatement, RequestFailed)):
        offered(alice, EVE, ALICE)


def test_a_key_is_offered_once(alice, as_, instance):
    instance(as_("agent/eve"), EVE, key=new_key())
    offered(alice, EVE, ALICE)
    with pytest.raises(BadStatement):
        offered(alice, EVE, ALICE)
