"""Requests that only an attacker sends: control characters in names, sizes past limits, numbers past all sense."""

from __future__ import annotations

from dataclasses import replace

import grpc
import pytest

from delegation.core.constraints import at_most, optional
from delegation.core.scope import any_call, tool
from delegation.errors import DelegationError, InvalidRequest, Malformed, OutsideTime, PermissionDenied, Reason
from delegation.v1 import authorization_service_pb2 as authorization_pb
from delegation.v1 import delegation_service_pb2 as delegation_pb
from delegation.v1 import trust_service_pb2 as trust_pb
from support.caller import new_key, nonce, now_ms
from support.server import spiffe_id

READ = any_call("files", "read")
UNPRINTABLE = ["a\nb", "a\x1b[2J", "a\x00", "a\u202eb", "\u200b", "a\x7f"]


@pytest.mark.parametrize("name", UNPRINTABLE, ids=ascii)
def test_a_name_that_could_forge_a_line_of_somebodys_screen_is_refused(alice, as_, name):
    question = alice.grant(READ).question("files", "read", {})
    with pytest.raises(InvalidRequest):
        as_("tool/files").decide_question(replace(question, tool=name))
    for caller, method, message in (
        (as_("agent/eve"), "RegisterAgent", trust_pb.RegisterAgentRequest(agent=spiffe_id("agent/eve"), owner=name)),
        (as_("operator/olga"), "RegisterAgent", trust_pb.RegisterAgentRequest(agent=name, owner="somebody")),
        (alice, "RequestOffer", trust_pb.RequestOfferRequest(agent=name)),
    ):
        with pytest.raises(InvalidRequest):
            caller.ask(getattr(caller.trust, method), message)
    with pytest.raises((Malformed, InvalidRequest)):
        alice.ask(alice.delegation.Grant, _grant(purpose=name))


def _grant(**fields):
    from delegation.core.codec import scope_to_message
    from delegation.core.scope import Scope

    scope = scope_to_message(Scope(READ))
    return delegation_pb.GrantRequest(**{"purpose": "x", "scope": scope, "holder_key": new_key().public, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"lifetime_ms": -1},
        {"lifetime_ms": 2**63 - 1},
        {"lifetime_ms": 24 * 3_600_000 + 1},
        {"max_depth": 32},
        {"max_depth": 2**32 - 1},
        {"holder_key": b""},
        {"holder_key": bytes(32)},
        {"holder_key": b"\x01" + bytes(31)},
        {"holder_key": b"\xff" * 32},
        {"holder_key": bytes(33)},
        {"trace_id": bytes(16)},
        {"trace_id": b"x", "span_id": b"x" * 8},
        {"idempotency_key": "k" * 65},
        {"purpose": "p" * 1025},
        {"purpose": "\u00e9" * 600},
        {"principal_token": b"eyJ"},
    ],
    ids=str,
)
def test_a_grant_that_makes_no_sense_is_refused_and_not_repaired(alice, fields):
    with pytest.raises((InvalidRequest, Malformed, OutsideTime)):
        alice.ask(alice.delegation.Grant, _grant(**fields))


def test_a_scope_that_no_token_could_carry_is_refused_with_its_reason(alice):
    arguments = {f"argument_{number}": optional(at_most(5)) for number in range(64)}
    with pytest.raises(DelegationError) as caught:
        alice.grant(*(tool("files", f"tool_{number}", **arguments) for number in range(100)))
    assert caught.value.reason is Reason.TOKEN_TOO_LARGE


@pytest.mark.parametrize(
    "issued_at_ms",
    [0, -1, 1, 2**63 - 1, now_ms() + 60_000, now_ms() - 120_000],
    ids=["never", "before all time", "long ago", "the end of time", "in a minute", "two minutes ago"],
)
def test_a_proof_that_is_consumed_is_one_of_now(files, issued_at_ms):
    message = authorization_pb.ConsumeProofRequest(audience="files", nonce=nonce(), issued_at_ms=issued_at_ms)
    with pytest.raises(DelegationError):
        files.ask(files.authorization.ConsumeProof, message)


@pytest.mark.parametrize("position", [1, 2**53, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_watcher_that_claims_to_know_everything_gets_a_snapshot(files, position):
    stream = files.watch(position)
    assert next(stream).entry.payload
    stream.cancel()


def test_a_message_larger_than_the_service_takes_is_refused_before_it_is_read(files):
    message = authorization_pb.AuthorizeRequest(audience="files", tool="x", arguments_json=bytes(5 * 1024 * 1024))
    with pytest.raises(InvalidRequest):
        files.ask(files.authorization.Authorize, message)


def test_metadata_that_fills_the_server_is_refused(files):
    with pytest.raises(grpc.RpcError) as caught:
        files.trust.GetTrustBundle(
            trust_pb.GetTrustBundleRequest(), timeout=10, metadata=[("x-bomb-bin", bytes(1024 * 1024))]
        )
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_stream_of_a_caller_without_the_role_ends_at_once(as_):
    eve = as_("agent/eve")
    with pytest.raises(PermissionDenied):
        eve.ask_stream(
            eve.authorization.AuthorizeStream,
            [
                authorization_pb.AuthorizeStreamRequest(
                    call=authorization_pb.AuthorizeRequest(audience="files", tool="read", attempt=nonce())
                )
            ]
            * 100,
        )
