"""Bindings: the service vouches for the keys of agents that somebody answers for, and for nobody else's."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from delegation.core.codec import decode_binding, decode_offer
from delegation.core.revocation import RevocationKind
from delegation.core.scope import any_call
from delegation.errors import Conflict, NotFound, Reason, Revoked
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.trust import read_request_offer_response
from support.caller import Caller
from support.every_rpc import IDENTITIES, service_of_listed_callers
from support.live_agent import LiveAgent
from support.server import identity, spiffe_id

GUEST = "guest/agent"
READ = any_call("files", "read")


@contextmanager
def callers(directory, *further):
    with (
        service_of_listed_callers(directory, (*IDENTITIES, *further)) as server,
        Caller.of(server, "role/orchestrator") as orchestrator,
        Caller.of(server, "role/operator") as operator,
    ):
        yield server, orchestrator, operator


def offered(orchestrator, path):
    """Ask a live agent for an offer; give the key that was offered."""
    message = pb.RequestOfferRequest(agent=spiffe_id(path))
    statement = read_request_offer_response(orchestrator.ask(orchestrator.trust.RequestOffer, message))
    return decode_offer(statement.payload).holder_key


class Key:
    """A public key whose private half is elsewhere."""

    def __init__(self, public):
        self.public = public


def test_an_agent_is_vouched_for_while_somebody_answers_for_it(tmp_path):
    with callers(tmp_path, identity(GUEST, "agent")) as (server, orchestrator, _):
        with Caller.of(server, GUEST) as guest:
            live = LiveAgent(guest, GUEST)
            keys = [Key(offered(orchestrator, GUEST)) for _ in range(3)]
            live.call.cancel()
        task = orchestrator.grant(READ)
        (handed,) = orchestrator.record(task.child(GUEST, key=keys[0]))
        binding = decode_binding(handed.binding.payload)
        assert (binding.agent, binding.holder_key) == (spiffe_id(GUEST), keys[0].public)
    with callers(tmp_path) as (_, orchestrator, operator):  # the operator has struck it off the configuration
        task = orchestrator.grant(READ)
        (handed,) = orchestrator.record(task.child(GUEST, key=keys[1]))
        assert handed.binding is None
        operator.ask(operator.trust.RegisterAgent, pb.RegisterAgentRequest(agent=spiffe_id(GUEST), owner="team-x"))
        (handed,) = orchestrator.record(task.child(GUEST, key=keys[2]))
        assert handed.binding is not None


def test_a_binding_lives_no_longer_than_its_link(tmp_path):
    with callers(tmp_path) as (server, orchestrator, _), Caller.of(server, "role/agent") as agent:
        live = LiveAgent(agent, "role/agent")
        child = orchestrator.grant(READ).child("role/agent", key=Key(offered(orchestrator, "role/agent")))
        (handed,) = orchestrator.record(child)
        assert decode_binding(handed.binding.payload).expires_at_ms == child.leaf.link.expires_at_ms
        live.call.cancel()


def test_a_revoked_agent_is_neither_registered_nor_vouched_for(tmp_path):
    with callers(tmp_path) as (server, orchestrator, operator), Caller.of(server, "role/agent") as agent:
        live = LiveAgent(agent, "role/agent")
        child = orchestrator.grant(READ).child("role/agent", key=Key(offered(orchestrator, "role/agent")))
        operator.revoke(RevocationKind.AGENT, spiffe_id("role/agent").encode())
        with pytest.raises(Revoked) as refused:
            orchestrator.record(child)
        assert refused.value.reason is Reason.AGENT_REVOKED
        registration = pb.RegisterAgentRequest(agent=spiffe_id("role/agent"), owner="team-x")
        for caller in (agent, operator):
            with pytest.raises(Revoked):
                caller.ask(caller.trust.RegisterAgent, registration)
        live.call.cancel()


def test_what_an_operator_has_registered_is_not_replaced_by_the_agent_itself(tmp_path):
    with callers(tmp_path) as (server, _, operator), Caller.of(server, "stranger/agent") as agent:
        name = spiffe_id("stranger/agent")
        operator.ask(operator.trust.RegisterAgent, pb.RegisterAgentRequest(agent=name, owner="team-x"))
        with pytest.raises(Conflict):
            agent.ask(agent.trust.RegisterAgent, pb.RegisterAgentRequest(agent=name, owner="nobody"))
        agent.ask(agent.trust.RegisterAgent, pb.RegisterAgentRequest(agent=name, owner="team-x"))
        (listed,) = operator.ask(operator.trust.ListAgents, pb.ListAgentsRequest()).agents
        assert (listed.owner, listed.registered_by) == ("team-x", spiffe_id("role/operator"))


def test_agents_are_listed_page_by_page_and_struck_off_once(tmp_path):
    with callers(tmp_path) as (_, _, operator):
        names = [f"spiffe://test.example/a/{number}" for number in range(5)]
        for name in names:
            operator.ask(operator.trust.RegisterAgent, pb.RegisterAgentRequest(agent=name, owner="team-x"))
        found, token = [], ""
        while True:
            page = operator.ask(operator.trust.ListAgents, pb.ListAgentsRequest(page_size=2, page_token=token))
            found += [each.agent for each in page.agents]
            token = page.next_page_token
            if not token:
                break
        assert found == names
        operator.ask(operator.trust.UnregisterAgent, pb.UnregisterAgentRequest(agent=names[0]))
        with pytest.raises(NotFound):
            operator.ask(operator.trust.UnregisterAgent, pb.UnregisterAgentRequest(agent=names[0]))
