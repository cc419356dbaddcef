"""Reaching another agent: being known to the service, and asking for an offer."""

from __future__ import annotations

from typing import Final

from delegation.core.attest import open_offer
from delegation.core.statement import Offer
from delegation.errors import Reason, refusal
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.paging import MAX_PAGE_SIZE, page_token
from delegation.wire.trust import RegisteredAgent, read_list_agents_response, read_request_offer_response
from delegation_sdk.flows.rpc import Flow, Rpc
from delegation_sdk.sources import Sources

_REGISTER: Final = "delegation.v1.TrustService/RegisterAgent"
_UNREGISTER: Final = "delegation.v1.TrustService/UnregisterAgent"
_LIST: Final = "delegation.v1.TrustService/ListAgents"
_REQUEST: Final = "delegation.v1.TrustService/RequestOffer"


def register_agent(agent: str, owner: str) -> Flow[None]:
    """Make an agent known, with the person or team that answers for it."""
    yield Rpc(_REGISTER, pb.RegisterAgentRequest(agent=agent, owner=owner), pb.RegisterAgentResponse)


def unregister_agent(agent: str) -> Flow[None]:
    """Take an agent's registration back."""
    yield Rpc(_UNREGISTER, pb.UnregisterAgentRequest(agent=agent), pb.UnregisterAgentResponse)


def list_agents() -> Flow[tuple[RegisteredAgent, ...]]:
    """List the registered agents, all of them. Raises `RequestFailed`."""
    agents: list[RegisteredAgent] = []
    cursor: bytes | None = None
    while True:
        request = pb.ListAgentsRequest(page_size=MAX_PAGE_SIZE, page_token=page_token(cursor))
        answer = yield Rpc(_LIST, request, pb.ListAgentsResponse)
        page, cursor = read_list_agents_response(answer)
        agents += page
        if cursor is None:
            return tuple(agents)


def request_offer(agent: str, delegator: str, sources: Sources) -> Flow[Offer]:
    """Ask a live instance of an agent for an offer.

    Args:
        agent: The agent that is to receive work.
        delegator: The agent id under which it will be handed off; empty if that is not known yet.
        sources: Clock and randomness.

    Raises:
        NotFound: No instance of it is listening.
        BadStatement: OFFER_INVALID.
    """
    answer = yield Rpc(_REQUEST, pb.RequestOfferRequest(agent=agent), pb.RequestOfferResponse)
    statement = read_request_offer_response(answer)
    offer = open_offer(statement, now_ms=sources.now_ms(), delegator=delegator)
    if offer.agent != agent:
        raise refusal(Reason.OFFER_INVALID, detail="it is another agent's")
    return offer
