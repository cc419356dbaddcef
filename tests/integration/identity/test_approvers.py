"""Approvers who come with tokens: who vouches for them, how strongly they authenticated, and who the principal is."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import pytest

from delegation.core.arguments import Arguments
from delegation.core.conditions import approved_by
from delegation.core.scope import Scope, any_call
from delegation.errors import PermissionDenied
from delegation.v1 import approval_service_pb2 as pb
from delegation.wire import approvals
from delegation.wire import delegation as wire
from support.bearers import AUDIENCE, bearer, issuers, over_tls
from support.caller import Caller, Holding, new_key
from support.server import identity, running_server, spiffe_id

ALICE, BOB, AGENT = "person/alice", "person/bob", "agent/for-alice"
DIGEST = Arguments.of({}).digest
TOOLS = '[[tool]]\naudience = "mail"\nname = "send"\nowner = "tests"\neffects = ["external"]\n'
POLICY = """
@id("all") permit (principal, action, resource);
@id("mail") @obligation("approve") @principal_may_approve("true")
forbid (principal, action == Action::"call", resource == Tool::"mail.send");
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory, provider):
    directory = tmp_path_factory.mktemp("approvers")
    (directory / "policy.cedar").write_text(POLICY)
    (directory / "tools.toml").write_text(TOOLS)
    of = {"issuer": provider.issuer}
    people = (
        identity(ALICE, "approver", tokens=[{**of, "subject": "alice"}]),
        identity(BOB, "approver", tokens=[{**of, "subject": "bob"}]),
        identity(AGENT, "orchestrator", "agent", ceiling="any", principals=[{**of, "subjects": ["alice"]}]),
    )
    with running_server(
        directory / "state",
        identities=people,
        issuers=issuers(provider),
        bearer={"listen": "127.0.0.1:0"},
        catalogue=directory / "tools.toml",
        policy={"file": directory / "policy.cedar"},
    ) as running:
        yield running


def ask(agent, provider, audience, name, *conditions):
    """Ask for the approval of a call on Alice's behalf."""
    key = new_key()
    token = provider.id_token("alice").encode()
    request = wire.GrantRequest("look", Scope(any_call(audience, name, *conditions)), key.public, principal_token=token)
    granted = wire.read_grant_response(agent.ask(agent.delegation.Grant, wire.grant_request_message(request)))
    holding = Holding(granted.token, key, granted.task_id)
    wanted = approvals.ApprovalWanted(granted.token, holding.proof(audience, name, {}), audience, name, b"{}")
    message = approvals.request_approval_message(wanted)
    return agent.ask(agent.approvals.RequestApproval, message).request.request_id


@pytest.fixture
def asked(server, provider):
    """`asked("files", "read", condition)` asks for the approval of a call on Alice's behalf."""
    with Caller.of(server, AGENT) as agent:
        yield partial(ask, agent, provider)


def answer(caller, request_id, **options) -> pb.ApprovalRequest:
    message = approvals.answer_approval_message(approvals.AnswerToApproval(request_id, DIGEST, approve=True))
    return caller.ask(caller.approvals.AnswerApproval, message, **options).request


def token_of(provider, name):
    return bearer(provider.sign(provider.claims(AUDIENCE, sub=name, client_id="browser", acr="mfa"), typ="at+jwt"))


@pytest.mark.spec("T-24")
def test_an_answer_says_who_vouches_for_the_approver_and_how_strongly_they_authenticated(server, provider, asked):
    request_id = asked("files", "read", approved_by(spiffe_id(BOB)))
    with over_tls(server) as caller:
        (given,) = answer(caller, request_id, **token_of(provider, "bob")).answers
    assert (given.approver, given.approver_issuer, given.authentication_strength) == (
        spiffe_id(BOB),
        provider.issuer,
        "mfa",
    )


@pytest.mark.spec("A-24")
def test_the_principal_answers_for_no_condition_however_they_come(server, provider, asked):
    request_id = asked("files", "read", approved_by(spiffe_id(ALICE), spiffe_id(BOB)))
    with over_tls(server) as by_token, Caller.of(server, ALICE) as by_certificate, Caller.of(server, BOB) as bob:
        for caller, options in ((by_token, token_of(provider, "alice")), (by_certificate, {})):
            with pytest.raises(PermissionDenied):
                answer(caller, request_id, **options)
        assert answer(bob, request_id).state == pb.APPROVAL_STATE_APPROVED


@pytest.mark.spec("A-24")
def test_the_principal_is_known_by_the_issuer_of_principals_alone(tmp_path, provider):
    of = {"issuer": provider.issuer}
    people = (
        identity(ALICE, "approver", tokens=[{**of, "subject": "alice"}]),
        identity(BOB, "approver"),
        identity(AGENT, "orchestrator", "agent", ceiling="any", principals=[{**of, "subjects": ["alice"]}]),
    )
    (issuer,) = issuers(provider)
    of_principals = {name: value for name, value in issuer.items() if name != "access_token_audience"}
    with running_server(tmp_path, identities=people, issuers=(of_principals,)) as server, ExitStack() as stack:
        agent, alice, bob = (stack.enter_context(Caller.of(server, who)) for who in (AGENT, ALICE, BOB))
        request_id = ask(agent, provider, "files", "read", approved_by(spiffe_id(ALICE), spiffe_id(BOB)))
        with pytest.raises(PermissionDenied):
            answer(alice, request_id)
        assert answer(bob, request_id).state == pb.APPROVAL_STATE_APPROVED


@pytest.mark.spec("A-24")
def test_the_principal_answers_where_a_rule_says_so(server, provider, asked):
    with over_tls(server) as caller:
        approved = answer(caller, asked("mail", "send"), **token_of(provider, "alice"))
    assert approved.state == pb.APPROVAL_STATE_APPROVED
    assert approved.demands[0].principal_may_approve
