"""Receiving work: answering requests for offers, and taking what is handed off to the offered keys."""

from __future__ import annotations

from typing import Final

from delegation.core.attest import sign_offer
from delegation.core.keys import SigningKey
from delegation.core.limits import NONCE_BYTES
from delegation.core.statement import Offer
from delegation.errors import Refused
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.trust import (
    Listening as Confirmed,
)
from delegation.wire.trust import (
    OfferAnswer,
    OfferWanted,
    Ready,
    WorkHandedOff,
    from_instance_message,
    read_to_instance,
)
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows.rpc import Duplex
from delegation_sdk.sources import Sources

ANSWER_OFFER: Final = Duplex("delegation.v1.TrustService/AnswerOffer", pb.AnswerOfferRequest, pb.AnswerOfferResponse)

OFFER_LIFETIME_MS: Final = 60_000
"""An offer is used at once; a minute forgives a slow network."""
MAX_OPEN_OFFERS: Final = 4_096
"""Keys kept for offers that were not taken up yet; the oldest goes first."""


class Listening:
    """One live instance of an agent, without I/O. It outlives the streams it speaks over.

    Args:
        agent: The agent id; must be the caller's own.
        sources: Clock and randomness.
    """

    def __init__(self, agent: str, sources: Sources) -> None:
        self._agent = agent
        self._sources = sources
        self._offered: dict[bytes, SigningKey] = {}
        self.confirmed = False

    def hello(self) -> pb.AnswerOfferRequest:
        """Give what to say first on a new stream."""
        self.confirmed = False
        return from_instance_message(Ready(self._agent))

    def hear(self, message: pb.AnswerOfferResponse) -> pb.AnswerOfferRequest | Delegation | None:
        """Take what the service said: give an answer to be sent, a delegation that arrived, or neither."""
        said = read_to_instance(message)
        if isinstance(said, Confirmed):
            self.confirmed = True
        elif isinstance(said, OfferWanted):
            return self._offer(said)
        elif isinstance(said, WorkHandedOff):
            return self._take(said.token)
        return None

    def _offer(self, wanted: OfferWanted) -> pb.AnswerOfferRequest:
        key = SigningKey.generate(self._sources.random)
        offer = Offer(
            agent=self._agent,
            holder_key=key.public,
            audience=wanted.delegator,
            expires_at_ms=self._sources.now_ms() + OFFER_LIFETIME_MS,
            nonce=self._sources.random(NONCE_BYTES),
        )
        self._offered[key.public] = key
        while len(self._offered) > MAX_OPEN_OFFERS:
            del self._offered[next(iter(self._offered))]
        return from_instance_message(OfferAnswer(wanted.request, sign_offer(offer, key)))

    def _take(self, token: bytes) -> Delegation | None:
        """Take work for a key that this instance offered and that was not used yet; anything else is not for it."""
        try:
            received = Delegation(token, sources=self._sources)
            key = self._offered.pop(received.leaf.holder_key, None)
            return None if key is None else Delegation(token, key, sources=self._sources)
        except Refused:
            return None
