"""An agent's instance that listens for work, over the bare contract."""

from __future__ import annotations

import queue
from contextlib import contextmanager
from threading import Thread

import grpc

from delegation.core.attest import sign_offer
from delegation.core.statement import Offer
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire import trust as wire
from delegation.wire.errors import error_of_call
from support.caller import new_key, nonce, now_ms
from support.server import spiffe_id


class LiveAgent:
    """An instance that answers requests with offers, until its stream ends."""

    def __init__(self, caller, path, make_offer=None):
        self.agent = spiffe_id(path)
        self.keys = {}
        self.work = queue.Queue()
        self._make_offer = make_offer or self._offer
        self._said = queue.SimpleQueue()
        self._said.put(wire.Ready(self.agent))
        messages = (wire.from_instance_message(said) for said in iter(self._said.get, None))
        self.call = caller.trust.AnswerOffer(messages, timeout=20)
        assert wire.read_to_instance(next(self.call)) == wire.Listening()
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _offer(self, delegator):
        key = new_key()
        self.keys[key.public] = key
        return sign_offer(Offer(self.agent, key.public, delegator, now_ms() + 60_000, nonce()), key)

    def _listen(self):
        try:
            for message in self.call:
                said = wire.read_to_instance(message)
                if isinstance(said, wire.OfferWanted):
                    self._said.put(wire.OfferAnswer(said.request, self._make_offer(said.delegator)))
                else:
                    self.work.put(said.token)
        except grpc.RpcError as error:
            self.work.put(error_of_call(error))

    def close(self):
        self._said.put(None)
        self._thread.join(10)


@contextmanager
def live(caller, path, make_offer=None):
    agent = LiveAgent(caller, path, make_offer)
    try:
        yield agent
    finally:
        agent.close()


def request_offer(caller, path):
    message = caller.ask(caller.trust.RequestOffer, pb.RequestOfferRequest(agent=spiffe_id(path)))
    return wire.read_request_offer_response(message)
