"""A grant on somebody's behalf is renewed on the same one's behalf, as long as the caller may work for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.core.scope import SERVICE_AUDIENCE
from delegation.errors import BadProof, Conflict, PolicyDenied, Reason
from delegation.wire.renewals import (
    ReissueRequest,
    RenewRequest,
    read_replaced,
    reissue_request_message,
    renew_request_message,
)
from support.bearers import READ
from support.caller import Caller, Holding, links_of, new_key
from support.server import spiffe_id

PATH = "agent/for-alice"


def renew(caller, task, **further):
    proof = task.proof(SERVICE_AUDIENCE, "renew", {"task_id": task.task_id.hex()})
    message = renew_request_message(RenewRequest(task.task_id, proof, **further))
    return read_replaced(caller.ask(caller.delegation.Renew, message))


def reissue(caller, task):
    message = reissue_request_message(ReissueRequest(task.task_id, new_key().public))
    return read_replaced(caller.ask(caller.delegation.Reissue, message))


@pytest.fixture
def without_principals(server, monkeypatch):
    """Take alice out of the caller's principals, as an operator would."""

    def take() -> None:
        known = server.application._parts.identities._callers
        monkeypatch.setitem(known, spiffe_id(PATH), replace(known[spiffe_id(PATH)], principals=()))

    return take


@pytest.mark.spec("T-31")
@pytest.mark.parametrize("replaced", [renew, reissue])
def test_a_renewed_grant_is_on_the_same_behalf_and_only_while_the_caller_may(
    server, provider, without_principals, replaced
):
    with Caller.of(server, PATH) as caller:
        token = provider.id_token("alice", acr="mfa").encode()
        task = caller.grant(READ, principal_token=token)
        new = links_of(replaced(caller, task).token)[0].link.grant
        assert new.principal == task.leaf.link.grant.principal
        other = caller.grant(READ, principal_token=token)
        without_principals()
        with pytest.raises(PolicyDenied) as refused:
            replaced(caller, other)
        assert (refused.value.reason, refused.value.field) == (Reason.CEILING_EXCEEDED, "principal")


@pytest.mark.spec("T-31", "T-22")
def test_nobody_signs_in_again_for_whom_the_caller_may_not_work_any_more(server, provider, without_principals):
    with Caller.of(server, PATH) as caller:
        task = caller.grant(READ, principal_token=provider.id_token("alice").encode())
        again = provider.id_token("alice", acr="mfa").encode()
        without_principals()
        with pytest.raises(PolicyDenied) as refused:
            renew(caller, task, principal_token=again)
        assert (refused.value.reason, refused.value.field) == (Reason.CEILING_EXCEEDED, "principal")


@pytest.mark.spec("T-34", "T-30")
def test_a_sign_in_is_repeated_as_it_was_and_wants_the_holders_proof(server, provider):
    with Caller.of(server, PATH) as caller:
        task = caller.grant(READ, principal_token=provider.id_token("alice").encode())
        again = provider.id_token("alice", acr="mfa").encode()
        with pytest.raises(BadProof):
            renew(caller, Holding(task.token, new_key(), task.task_id), principal_token=again)
        first = renew(caller, task, principal_token=again, idempotency_key="again")
        assert renew(caller, task, principal_token=again, idempotency_key="again").token == first.token
        other = provider.id_token("alice", acr="pwd").encode()
        for token in (other, b""):
            with pytest.raises(Conflict):
                renew(caller, task, principal_token=token, idempotency_key="again")
