"""TrustService: read the message, call the use case, write the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Final

from delegation.core.statement import SignedStatement
from delegation.errors import InvalidRequest
from delegation.identity.port import Caller
from delegation.service.agents import Agents
from delegation.service.feed import RevocationFeed
from delegation.service.offers import Instance, Offers, Wanted, Work
from delegation.service.tool_reports import Told, ToolReports
from delegation.service.trust import TrustInUse
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire import tool_reports as tools_wire
from delegation.wire import trust as wire

_PIECES_ON_THE_WAY: Final = 16


class TrustRpcs:
    """The RPCs, by the contract's names."""

    def __init__(
        self,
        *,
        trust: TrustInUse,
        feed: RevocationFeed,
        agents: Agents,
        offers: Offers,
        tool_reports: ToolReports,
    ) -> None:
        self._trust = trust
        self._feed = feed
        self._agents = agents
        self._offers = offers
        self._tool_reports = tool_reports

    async def GetTrustBundle(self, caller: Caller, message: pb.GetTrustBundleRequest) -> pb.GetTrustBundleResponse:
        """Give what is signed by the root key: it is for everybody who is known here."""
        del caller, message
        trust = self._trust.trust
        return wire.trust_bundle_message(wire.TrustDocuments(trust.statement, trust.catalogue_bytes))

    async def WatchRevocations(
        self, caller: Caller, message: pb.WatchRevocationsRequest
    ) -> AsyncIterator[pb.WatchRevocationsResponse]:
        """Stream the feed."""
        async for entry in self._feed.watch(message.after_position, caller_id=caller.id):
            yield _feed_entry_message(entry)

    async def RegisterAgent(self, caller: Caller, message: pb.RegisterAgentRequest) -> pb.RegisterAgentResponse:
        """Make the caller known."""
        agent, owner = wire.read_register_agent_request(message)
        await self._agents.register(caller, agent=agent, owner=owner)
        return pb.RegisterAgentResponse()

    async def UnregisterAgent(self, caller: Caller, message: pb.UnregisterAgentRequest) -> pb.UnregisterAgentResponse:
        """Strike an agent off."""
        await self._agents.unregister(caller, wire.read_unregister_agent_request(message))
        return pb.UnregisterAgentResponse()

    async def ListAgents(self, caller: Caller, message: pb.ListAgentsRequest) -> pb.ListAgentsResponse:
        """List registered agents."""
        wanted = wire.read_list_agents_request(message)
        page = await self._agents.list(caller, cursor=wanted.cursor, limit=wanted.size)
        agents = [
            wire.RegisteredAgent(each.agent_id, each.owner, each.registered_ms, each.caller) for each in page.items
        ]
        return wire.list_agents_response_message(agents, page.next_cursor)

    async def RequestOffer(self, caller: Caller, message: pb.RequestOfferRequest) -> pb.RequestOfferResponse:
        """Get an offer from a live instance."""
        offer: SignedStatement = await self._offers.request(caller, wire.read_request_offer_request(message))
        return wire.request_offer_response_message(offer)

    async def AnswerOffer(
        self, caller: Caller, messages: AsyncIterator[pb.AnswerOfferRequest]
    ) -> AsyncIterator[pb.AnswerOfferResponse]:
        """Keep an instance reachable until its stream ends."""
        first = wire.read_from_instance(await anext(messages, pb.AnswerOfferRequest()))
        if not isinstance(first, wire.Ready):
            raise InvalidRequest("the first message says which agent is ready")
        with self._offers.listening(caller, first.agent) as instance:
            yield wire.to_instance_message(wire.Listening())
            hearing = asyncio.create_task(self._hear(instance, messages))
            telling: asyncio.Task[Wanted | Work] | None = None
            try:
                while not hearing.done():
                    telling = asyncio.create_task(instance.next_message())
                    await asyncio.wait((hearing, telling), return_when=asyncio.FIRST_COMPLETED)
                    if telling.done():
                        yield wire.to_instance_message(_said(telling.result()))
                await hearing
            finally:
                hearing.cancel()
                if telling is not None:
                    telling.cancel()

    async def ReportTools(self, caller: Caller, message: pb.ReportToolsRequest) -> pb.ReportToolsResponse:
        """Take what tools say of themselves."""
        report = tools_wire.read_report_tools_request(message)
        await self._tool_reports.take(caller, report.audience, report.tools)
        return pb.ReportToolsResponse()

    async def ListToolReports(self, caller: Caller, message: pb.ListToolReportsRequest) -> pb.ListToolReportsResponse:
        """List what tools have said of themselves."""
        wanted = tools_wire.read_list_tool_reports_request(message)
        page = await self._tool_reports.list(caller, cursor=wanted.cursor, limit=wanted.size)
        return tools_wire.list_tool_reports_response_message(list(map(_report, page.items)), page.next_cursor)

    async def _hear(self, instance: Instance, messages: AsyncIterator[pb.AnswerOfferRequest]) -> None:
        async for message in messages:
            said = wire.read_from_instance(message)
            if not isinstance(said, wire.OfferAnswer):
                raise InvalidRequest("after the first, every message answers a request")
            await self._offers.answered(instance, said.request, said.offer)


def _report(told: Told) -> tools_wire.ToolReport:
    record = told.record
    return tools_wire.ToolReport(
        record.audience,
        record.tool,
        record.caller,
        told.declared,
        tuple(tools_wire.ToolDifference(difference) for difference in told.differences),
        record.first_seen_ms,
        record.last_seen_ms,
        record.state_since_ms,
    )


def _said(message: Wanted | Work) -> wire.ToInstance:
    if isinstance(message, Wanted):
        return wire.OfferWanted(message.request, message.delegator)
    return wire.WorkHandedOff(message.token)


@lru_cache(_PIECES_ON_THE_WAY)
def _feed_entry_message(entry: SignedStatement) -> pb.WatchRevocationsResponse:
    # Many watchers are given the same piece.
    return wire.feed_entry_message(entry)
