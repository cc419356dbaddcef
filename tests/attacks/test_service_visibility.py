"""Who may ask what, and who sees what: every RPC for every role, and rows of others by every trick."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace

import grpc
import pytest

from delegation.core.arguments import Arguments
from delegation.core.chain import Frame
from delegation.core.codec import join_token
from delegation.core.constraints import under
from delegation.core.keys import Purpose, signing_input
from delegation.core.revocation import RevocationKind
from delegation.core.scope import SERVICE_AUDIENCE, Scope, any_call, tool
from delegation.errors import (
    BadProof,
    BadSignature,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    PolicyDenied,
    Reason,
    RequestFailed,
)
from delegation.v1 import lineage_service_pb2 as lineage_pb
from delegation.v1 import trust_service_pb2 as trust_pb
from delegation.wire.lineage import PageRequest
from support.caller import GuardRecords, decided, links_of, new_key, nonce
from support.server import spiffe_id

READ = any_call("files", "read")
ROLES = (
    "orchestrator/none",
    "agent/eve",
    "tool/mallory",
    "auditor/ada",
    "approver/ann",
    "operator/olga",
)


@pytest.fixture(scope="module")
def work(as_):
    """Alice's task: handed to Bob, who has called a tool."""
    task = as_("orchestrator/alice").grant(READ)
    child = as_("orchestrator/alice").hand_off(task, "agent/bob")
    call_id = as_("tool/files").decide(child, "files", "read", {}).call_id
    return task, child, call_id


# -- every RPC, every role


def _record(caller, _):
    caller.record_decisions(GuardRecords(new_key()).batch(decided(None, "files", "x", {}, reason="malformed")))


def _report(caller, work):
    guard = GuardRecords(new_key())
    caller.report(guard.outcome(work[2]), guard.key.public)


def _offer(caller, _):
    caller.ask(caller.trust.RequestOffer, trust_pb.RequestOfferRequest(agent=spiffe_id("agent/nobody")))


RPCS = {
    "Grant": (lambda caller, work: caller.grant(READ), ()),
    "HandOff": (lambda caller, work: caller.record(work[1]), ("orchestrator/none", "agent/eve")),
    "CompleteTask": (lambda caller, work: caller.complete(work[0], proof=b""), ()),
    "Revoke": (lambda caller, work: caller.revoke(RevocationKind.LINK, work[1].leaf.link_id), ()),
    "Authorize": (lambda caller, work: caller.decide(work[1], "files", "read", {}), ()),
    "ConsumeProof": (lambda caller, work: caller.consume("files", nonce()), ()),
    "RecordDecisions": (_record, ()),
    "ReportOutcome": (_report, ()),
    "RequestOffer": (_offer, ()),
    "GetTask": (lambda caller, work: caller.task(work[0].task_id), ("auditor/ada", "operator/olga")),
    "GetChain": (lambda caller, work: caller.chain(work[1].leaf.link_id), ("auditor/ada", "operator/olga")),
    "ExplainCall": (lambda caller, work: caller.explain(work[2]), ("auditor/ada", "operator/olga")),
}
# What an operator may do to Alice's task would end it for the other tests.
ENDS_IT = {("CompleteTask", "operator/olga"), ("Revoke", "operator/olga")}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("rpc", RPCS)
def test_nobody_gets_more_from_an_rpc_than_the_role_is_for(as_, work, rpc, role):
    ask, permitted = RPCS[rpc]
    if (rpc, role) in ENDS_IT:
        return
    if role in permitted:
        ask(as_(role), work)
        return
    with pytest.raises((PermissionDenied, PolicyDenied, NotFound)):
        ask(as_(role), work)


def test_an_orchestrator_gets_no_more_than_its_ceiling(as_):
    limited = as_("orchestrator/limited")
    for scope in (
        [READ],
        [tool("files", "read", path=under("/"))],
        [tool("files", "read", path=under("/srv2"))],
        [tool("files", "read")],
        [tool("files", "write", path=under("/srv"))],
        [tool("other", "read", path=under("/srv"))],
        [tool("files", "read", path=under("/srv"), mode="w")],
        [tool("files", "read", path=under("/srv")), any_call("files", "write")],
    ):
        with pytest.raises(PolicyDenied) as caught:
            limited.grant(*scope)
        assert caught.value.reason is Reason.CEILING_EXCEEDED
    assert limited.grant(tool("files", "read", path=under("/srv/docs")))


# -- rows of others


def tasks_seen(caller, **wanted):
    """What a caller sees in a list of tasks; a tool has no such lists."""
    try:
        return {each.task_id for each in caller.tasks(**wanted)[0]}
    except PermissionDenied:
        return set()


@pytest.mark.parametrize("path", ["agent/eve", "tool/mallory", "orchestrator/limited"])
def test_lists_show_nothing_of_others(as_, work, path):
    task, _, call_id = work
    caller = as_(path)
    for wanted in ({}, {"holder_agent": spiffe_id("orchestrator/alice")}):
        assert task.task_id not in tasks_seen(caller, **wanted)
    for wanted in (
        {"task_id": task.task_id},
        {"audience": "files"},
        {"tool": "read"},
        {"agent": spiffe_id("agent/bob")},
        {"task_id": task.task_id, "audience": "files", "tool": "read", "allowed": True},
    ):
        with suppress(NotFound, PermissionDenied):
            assert call_id not in {each.call_id for each in caller.calls(**wanted)[0]}


@pytest.mark.parametrize("path", ["agent/eve", "tool/mallory"])
def test_a_page_token_that_was_forged_or_is_anothers_opens_no_other_rows(as_, work, path):
    task, _, call_id = work
    caller, ada = as_(path), as_("auditor/ada")
    _, next_task = ada.tasks(page=PageRequest(1))
    _, next_call = ada.calls(page=PageRequest(1))
    cursors = [b"\xff" * 16, b"\xff" * 190, next_task, next_call, task.task_id, call_id, b"' OR 1=1 --", b"%", b"\0"]
    for cursor in filter(None, cursors):
        calls, _ = caller.calls(page=PageRequest(500, cursor))
        assert task.task_id not in tasks_seen(caller, page=PageRequest(500, cursor))
        assert call_id not in {each.call_id for each in calls}


@pytest.mark.parametrize("token", ["!", "YQ", base64.b64encode(b"x" * 300).decode(), "é", "YQ==\n", "=" * 8], ids=ascii)
def test_what_is_no_page_token_is_refused(as_, token):
    ada = as_("auditor/ada")
    for method, message in (
        (ada.lineage.ListTasks, lineage_pb.ListTasksRequest(page_token=token)),
        (ada.lineage.SearchCalls, lineage_pb.SearchCallsRequest(page_token=token)),
    ):
        with pytest.raises(InvalidRequest):
            ada.ask(method, message)


INJECTIONS = ("' OR '1'='1", "'; DROP TABLE calls; --", "%", "_", "*", '" OR ""="', ") OR (1=1")


@pytest.mark.parametrize("text", INJECTIONS, ids=ascii)
def test_names_are_values_and_never_sql(as_, work, text):
    eve, ada = as_("agent/eve"), as_("auditor/ada")
    for wanted in ({"audience": text}, {"tool": text}):
        assert eve.calls(**wanted)[0] == ()
        assert ada.calls(**wanted)[0] == ()
    assert ada.tasks(holder_agent=text)[0] == ()
    assert ada.explain(work[2]).call.call_id == work[2]


def test_a_name_that_no_database_can_hold_is_refused(as_):
    for wanted in ({"audience": "\x00"}, {"tool": "files\x00"}):
        with pytest.raises(InvalidRequest):
            as_("auditor/ada").calls(**wanted)


def test_a_part_in_one_task_opens_no_other(as_, work):
    alice, eve = as_("orchestrator/alice"), as_("agent/eve")
    eves = alice.hand_off(alice.grant(READ), "agent/eve")
    assert eve.task(eves.task_id)
    for ask in (
        lambda: eve.task(work[0].task_id),
        lambda: eve.chain(work[0].leaf.link_id),
        lambda: eve.chain(work[1].leaf.link_id),
        lambda: eve.explain(work[2]),
    ):
        with pytest.raises(NotFound):
            ask()


def test_nobody_takes_a_part_in_a_task_by_naming_itself_below_a_link_that_it_does_not_hold(as_, work):
    eve = as_("agent/eve")
    _, child, _ = work
    own = as_("orchestrator/alice").hand_off(as_("orchestrator/alice").grant(READ), "agent/eve")
    payload = own.child("agent/eve").leaf.payload
    signature = own.key.sign(signing_input(Purpose.HANDOFF, payload, child.leaf.link_id))
    intruder = join_token([*links_of(child.token), Frame(payload, signature, 0)])
    with pytest.raises(BadSignature):
        eve.record(replace(own, token=intruder))
    with pytest.raises(NotFound):
        eve.task(child.task_id)


def test_what_is_not_there_and_what_may_not_be_seen_are_told_in_the_same_words(as_, work):
    eve = as_("agent/eve")
    absent_task = replace(work[0], task_id=nonce())
    for there, absent in (
        (lambda: eve.task(work[0].task_id), lambda: eve.task(nonce())),
        (lambda: eve.chain(work[1].leaf.link_id), lambda: eve.chain(nonce() * 2)),
        (lambda: eve.explain(work[2]), lambda: eve.explain(nonce())),
        (lambda: eve.complete(work[0], proof=b""), lambda: eve.complete(absent_task, proof=b"")),
    ):
        words = []
        for ask in (there, absent):
            with pytest.raises(NotFound) as caught:
                ask()
            words.append(str(caught.value))
        assert words[0] == words[1]


# -- ending what is others'


@pytest.mark.spec("P-11")
def test_a_task_is_ended_by_its_grants_holder_alone(as_, work):
    task, child, _ = work
    eve, alice = as_("agent/eve"), as_("orchestrator/alice")
    arguments = {"task_id": task.task_id.hex()}
    own = alice.grant(READ)
    for proof in (
        child.proof(SERVICE_AUDIENCE, "complete_task", arguments, chain_digest=task.leaf.link_id),  # a lower holder
        child.proof(SERVICE_AUDIENCE, "complete_task", arguments),
        task.proof("files", "complete_task", arguments),  # a proof for a tool
        task.proof(SERVICE_AUDIENCE, "revoke", arguments),
        task.proof(SERVICE_AUDIENCE, "complete_task", {"task_id": own.task_id.hex()}),  # another task's
        own.proof(SERVICE_AUDIENCE, "complete_task", arguments, chain_digest=task.leaf.link_id),
        task.proof(SERVICE_AUDIENCE, "complete_task", arguments, now_ms=1),
    ):
        with pytest.raises(BadProof):
            eve.complete(task, proof=proof)
    assert alice.task(task.task_id)[0].completed_at_ms is None


@pytest.mark.spec("P-11")
def test_a_link_is_revoked_from_above_never_from_itself_below_or_beside(as_):
    alice, eve = as_("orchestrator/alice"), as_("agent/eve")
    task = alice.grant(READ)
    child, sibling = alice.hand_off(task, "agent/bob"), alice.hand_off(task, "agent/eve")
    below = alice.hand_off(child, "agent/eve")

    def proof(holder, target, **tweaks):
        arguments = {"kind": "link", "id": target.leaf.link_id.hex()}
        return holder.proof(SERVICE_AUDIENCE, "revoke", arguments, chain_digest=target.leaf.link_id, **tweaks)

    for holder, target in (
        (child, child),
        (below, child),
        (sibling, child),
        (task, task),
        (child, task),
        (below, below),
    ):
        with pytest.raises(BadProof):
            eve.revoke(RevocationKind.LINK, target.leaf.link_id, proof=proof(holder, target))
    with pytest.raises(BadProof):  # of another link
        eve.revoke(RevocationKind.LINK, child.leaf.link_id, proof=proof(task, sibling))
    for kind, identity in (
        (RevocationKind.TASK, task.task_id),
        (RevocationKind.AGENT, b"spiffe://test.example/agent/bob"),
        (RevocationKind.HOLDER_KEY, child.key.public),
        (RevocationKind.PRINCIPAL, bytes(32)),
        (RevocationKind.ISSUER_KEY, bytes(16)),
    ):
        with pytest.raises(PermissionDenied):
            eve.revoke(kind, identity, proof=proof(task, child))
    eve.revoke(RevocationKind.LINK, below.leaf.link_id, proof=proof(child, below))


# -- idempotency keys


def test_an_idempotency_key_is_its_callers_own(as_):
    alice, limited = as_("orchestrator/alice"), as_("orchestrator/limited")
    key, used = new_key(), nonce().hex()
    scope = tool("files", "read", path=under("/srv"))
    granted = alice.grant(scope, key=key, idempotency_key=used)
    assert alice.grant(scope, key=key, idempotency_key=used).token == granted.token
    other = limited.grant(scope, key=key, idempotency_key=used)
    assert other.token != granted.token
    assert other.leaf.link.holder_agent == spiffe_id("orchestrator/limited")
    for changed in (
        {"key": new_key()},
        {"key": key, "purpose": "another"},
        {"key": key, "lifetime_ms": 5_000},
        {"key": key, "max_depth": 1},
        {"key": key, "unrecorded_handoffs": True},
        {"key": key, "scope": Scope(READ)},
    ):
        with pytest.raises(RequestFailed):
            alice.grant(scope, idempotency_key=used, **changed)


@pytest.mark.spec("R-4")
def test_a_kept_answer_does_not_bring_back_what_was_revoked(as_, work):
    alice, files = as_("orchestrator/alice"), as_("tool/files")
    key, used = new_key(), nonce().hex()
    granted = alice.grant(READ, key=key, idempotency_key=used)
    alice.complete(granted)
    again = alice.grant(READ, key=key, idempotency_key=used)
    assert again.task_id == granted.task_id
    assert files.decide(again, "files", "read", {}).refusal.reason is Reason.TASK_ENDED


# -- the door


def test_without_a_client_certificate_there_is_no_conversation(server):
    ca = (server.directory / "ca" / "ca.pem").read_bytes()
    options = server.channel_options
    for channel in (
        grpc.secure_channel(server.target, grpc.ssl_channel_credentials(ca), options),
        grpc.insecure_channel(server.target, options),
    ):
        with channel:
            reflection = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
            with pytest.raises(grpc.RpcError) as caught:
                list(reflection(iter([b""]), timeout=5))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "delegation" not in (caught.value.details() or "")


def test_the_digest_of_arguments_is_shown_and_never_the_arguments(as_, work):
    ada, files = as_("auditor/ada"), as_("tool/files")
    secret = {"password": "correct horse battery staple"}
    call_id = files.decide(work[1], "files", "read", secret).call_id
    explained = ada.explain(call_id)
    assert explained.call.arguments_digest == Arguments.of(secret).digest
    assert "correct horse" not in repr(explained)
