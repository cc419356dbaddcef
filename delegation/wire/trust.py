"""Messages of TrustService: trust bundle, revocation feed, offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from delegation.core import limits
from delegation.core.codec import statement_from_message as read_statement
from delegation.core.codec import statement_to_message as statement_message
from delegation.core.statement import SignedStatement
from delegation.errors import InvalidRequest
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.fields import at_most, printable, service_answer
from delegation.wire.paging import PageRequest, page_token, read_cursor, read_page

MAX_OWNER_BYTES: Final = 256


@dataclass(frozen=True, slots=True)
class TrustDocuments:
    """The signed trust bundle, and the catalogue whose digest it names (empty: none). Not verified."""

    bundle: SignedStatement
    catalogue: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """An agent's instance is ready to answer."""

    agent: str


@dataclass(frozen=True, slots=True)
class OfferAnswer:
    """An instance's answer to a request for an offer; the offer is not verified."""

    request: int
    offer: SignedStatement


@dataclass(frozen=True, slots=True)
class Listening:
    """The service knows the instance and will ask it."""


@dataclass(frozen=True, slots=True)
class OfferWanted:
    """Somebody wants an offer from the instance."""

    request: int
    delegator: str


@dataclass(frozen=True, slots=True)
class WorkHandedOff:
    """Work was handed off to a key that the instance offered. The token is not verified."""

    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegisteredAgent:
    """An agent that is registered, by itself or by an operator."""

    agent: str
    owner: str
    registered_at_ms: int
    registered_by: str


FromInstance = Ready | OfferAnswer
ToInstance = Listening | OfferWanted | WorkHandedOff

# -- GetTrustBundle ------------------------------------------------------------------------------------------


def trust_bundle_message(documents: TrustDocuments) -> pb.GetTrustBundleResponse:
    """Make the message of the trust bundle and the catalogue."""
    return pb.GetTrustBundleResponse(bundle=statement_message(documents.bundle), catalogue=documents.catalogue)


def read_trust_bundle(message: pb.GetTrustBundleResponse) -> TrustDocuments:
    """Read trust bundle and catalogue, unverified. Raises `RequestFailed`, `Malformed`."""
    with service_answer():
        catalogue = at_most(message.catalogue, limits.DOCUMENT_BYTES, "catalogue")
        return TrustDocuments(read_statement(message.bundle), catalogue)


# -- WatchRevocations ----------------------------------------------------------------------------------------


def feed_entry_message(entry: SignedStatement) -> pb.WatchRevocationsResponse:
    """Make the message of a piece of the feed."""
    return pb.WatchRevocationsResponse(entry=statement_message(entry))


def read_feed_entry(message: pb.WatchRevocationsResponse) -> SignedStatement:
    """Read a piece of the feed, unverified. Raises `Malformed`."""
    return read_statement(message.entry)


# -- agents and offers ---------------------------------------------------------------------------------------


def read_register_agent_request(message: pb.RegisterAgentRequest) -> tuple[str, str]:
    """Read an agent's id and its owner. Raises `InvalidRequest`."""
    return printable(message.agent, limits.NAME_BYTES, "agent"), printable(message.owner, MAX_OWNER_BYTES, "owner")


def read_unregister_agent_request(message: pb.UnregisterAgentRequest) -> str:
    """Read whose registration shall be taken back. Raises `InvalidRequest`."""
    return printable(message.agent, limits.NAME_BYTES, "agent")


def read_list_agents_request(message: pb.ListAgentsRequest) -> PageRequest:
    """Read which agents are wanted. Raises `InvalidRequest`."""
    return read_page(message.page_size, message.page_token)


def list_agents_response_message(agents: Sequence[RegisteredAgent], next_cursor: bytes | None) -> pb.ListAgentsResponse:
    """Make the message of registered agents."""
    listed = [
        pb.RegisteredAgent(
            agent=each.agent,
            owner=each.owner,
            registered_at_ms=each.registered_at_ms,
            registered_by=each.registered_by,
        )
        for each in agents
    ]
    return pb.ListAgentsResponse(agents=listed, next_page_token=page_token(next_cursor))


def read_list_agents_response(message: pb.ListAgentsResponse) -> tuple[tuple[RegisteredAgent, ...], bytes | None]:
    """Read registered agents, and where to go on. Raises `RequestFailed`."""
    with service_answer():
        agents = tuple(
            RegisteredAgent(each.agent, each.owner, each.registered_at_ms, each.registered_by)
            for each in message.agents
        )
        return agents, read_cursor(message.next_page_token)


def read_request_offer_request(message: pb.RequestOfferRequest) -> str:
    """Read which agent shall offer. Raises `InvalidRequest`."""
    return printable(message.agent, limits.NAME_BYTES, "agent")


def request_offer_response_message(offer: SignedStatement) -> pb.RequestOfferResponse:
    """Make the message of an offer."""
    return pb.RequestOfferResponse(offer=statement_message(offer))


def read_request_offer_response(message: pb.RequestOfferResponse) -> SignedStatement:
    """Read an offer, unverified. Raises `Malformed`."""
    return read_statement(message.offer)


def from_instance_message(said: FromInstance) -> pb.AnswerOfferRequest:
    """Make the message of what an instance says."""
    if isinstance(said, Ready):
        return pb.AnswerOfferRequest(ready=said.agent)
    answer = pb.OfferAnswer(request=said.request, offer=statement_message(said.offer))
    return pb.AnswerOfferRequest(answer=answer)


def read_from_instance(message: pb.AnswerOfferRequest) -> FromInstance:
    """Read what an instance says. Raises `InvalidRequest`, `Malformed`."""
    kind = message.WhichOneof("message")
    if kind == "ready":
        return Ready(printable(message.ready, limits.NAME_BYTES, "ready"))
    if kind == "answer":
        return OfferAnswer(message.answer.request, read_statement(message.answer.offer))
    raise InvalidRequest("the message says nothing that is understood here")


def to_instance_message(said: ToInstance) -> pb.AnswerOfferResponse:
    """Make the message of what an instance is told."""
    if isinstance(said, OfferWanted):
        return pb.AnswerOfferResponse(wanted=pb.OfferWanted(request=said.request, delegator=said.delegator))
    if isinstance(said, WorkHandedOff):
        return pb.AnswerOfferResponse(work=pb.WorkHandedOff(token=said.token))
    return pb.AnswerOfferResponse(listening=True)


def read_to_instance(message: pb.AnswerOfferResponse) -> ToInstance | None:
    """Read what an instance is told; None for something newer, which may be left unheard."""
    kind = message.WhichOneof("message")
    if kind == "listening":
        return Listening()
    if kind == "wanted":
        return OfferWanted(message.wanted.request, message.wanted.delegator)
    if kind == "work":
        with service_answer():
            return WorkHandedOff(at_most(message.work.token, limits.TOKEN_BYTES, "token"))
    return None
