"""Approvals that a person signs with a key of their own: whoever writes the database, or runs a replica, makes up none.

Every refusal has its benign twin: the same call, signed as it must be, is permitted.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from delegation.app.key_files import system_ms
from delegation.core.approval import ApprovalLevel
from delegation.core.approval_request import ApprovalState
from delegation.core.arguments import Arguments
from delegation.core.attest import open_own_approval, sign_approval, sign_own_approval
from delegation.core.codec import decode_signed_approval, encode_approval
from delegation.core.keys import SigningKey
from delegation.core.revocation import RevocationKind
from delegation.core.statement import StatementKind, sign_statement
from delegation.errors import (
    BadStatement,
    Conflict,
    InvalidRequest,
    Malformed,
    PermissionDenied,
    Reason,
    RequestFailed,
    Revoked,
)
from delegation.v1 import approval_service_pb2 as pb
from delegation.wire import approvals as wire
from delegation_sdk.flows.approvals import Signing
from delegation_sdk.sources import Sources
from support.approvals import ANN, BEN, IDENTITIES, PATH, PLANNER, Clock, rewrite, running_world
from support.server import identity, spiffe_id

ANNS, ANNS_OTHER, BENS, STRANGERS = (SigningKey.generate(secrets.token_bytes) for _ in range(4))
MINUTE_MS = 60_000


def with_keys(*keys):
    listed = identity(ANN, "approver", approval_keys=[key.public.hex() for key in keys])
    bens = identity(BEN, "approver", approval_keys=[BENS.public.hex()])
    return [each for each in IDENTITIES if each["id"] not in {spiffe_id(ANN), spiffe_id(BEN)}] + [listed, bens]


KEYED = with_keys(ANNS, ANNS_OTHER)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    # What counts no more would make room for another request as soon as a call is refused for it.
    quiet = {"open_on_refusal": False}
    with running_world(tmp_path_factory.mktemp("service"), identities=KEYED, approvals=quiet) as world:
        yield world


def by_ann(world, request, *, key=ANNS, **options):
    return world.client(ANN).approvals.answer(request, approve=True, key=key, **options)


def signed_by_ann(world, task, arguments=PATH):
    request = by_ann(world, world.ask(task, arguments))
    assert request.state is ApprovalState.APPROVED
    return request


def statement_of(request, *, key=ANNS, approver=ANN, **tweaks):
    """Sign consent as a program that says something else than it was shown."""
    signing = Signing(spiffe_id(approver), key, Sources.system())
    signed = signing.sign(request, Arguments.parse(request.arguments_json).digest)
    if not tweaks:
        return signed
    return sign_own_approval(decode_signed_approval(signed.payload)._replace(**tweaks), key)


def send(world, request, statement, *, who=ANN):
    """Answer with a statement as it is, past the SDK."""
    caller = world.caller(who)
    said = wire.AnswerToApproval(request.request_id, request.arguments_digest, True, "", statement)
    return caller.ask(caller.approvals.AnswerApproval, wire.answer_approval_message(said))


# -- answering


@pytest.mark.spec("A-34", "T-46", "T-47", "T-48")
@pytest.mark.parametrize("key", [ANNS, ANNS_OTHER], ids=["one key", "the other"])
def test_what_a_person_signs_permits_one_exact_call_and_is_kept(world, key):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    after = by_ann(world, request, key=key, justification="it is old")
    (answer,) = after.answers
    assert (answer.level, answer.approval.kind) == (ApprovalLevel.SIGNED, StatementKind.SIGNED_APPROVAL)
    said = open_own_approval(answer.approval, [key.public])
    assert (said.link_id, said.audience, said.tool) == (request.link_id, "files", "delete")
    assert (said.arguments_digest, said.policy_digest) == (Arguments.of(PATH).digest, request.policy_digest)
    assert (said.approver, said.expires_at_ms) == (spiffe_id(ANN), request.expires_at_ms)
    assert not world.permits(task, {"path": "/srv/new"})
    assert world.permits(task)
    assert not world.permits(task)
    assert world.state(after).answers[0].approval == answer.approval


@pytest.mark.spec("A-34")
def test_of_who_has_a_key_nothing_else_is_an_approval_and_a_refusal_needs_none(world):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    with pytest.raises(PermissionDenied, match="--key"):
        world.answer(ANN, request)
    assert not world.permits(task)
    assert world.answer(ANN, request, approve=False).state is ApprovalState.REFUSED


@pytest.mark.spec("A-34")
def test_who_has_no_key_is_attested_and_signs_nothing(world):
    task = world.task(world.needs("person/cy"))
    request = world.ask(task)
    with pytest.raises(PermissionDenied, match="approval_keys"):
        world.client("person/cy").approvals.answer(request, approve=True, key=STRANGERS)
    (answer,) = world.answer("person/cy", request).answers
    assert answer.level is ApprovalLevel.ATTESTED
    assert world.permits(task)


@pytest.mark.spec("T-46", "T-48")
@pytest.mark.parametrize("key", [BENS, STRANGERS], ids=["another approver's", "nobody's"])
def test_a_key_that_is_not_listed_as_theirs_signs_nothing(world, key):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    with pytest.raises(BadStatement):
        by_ann(world, request, key=key)
    with pytest.raises(BadStatement):
        send(world, request, statement_of(request, key=key)._replace(key_id=ANNS.key_id))
    assert not world.permits(task)
    by_ann(world, request)
    assert world.permits(task)


@pytest.mark.spec("T-48")
@pytest.mark.parametrize(
    "tweaks",
    [
        {"arguments_digest": Arguments.of({"path": "/srv/new"}).digest},
        {"policy_digest": bytes(32)},
        {"policy_digest": b""},
        {"link_id": bytes(32)},
        {"tool": "read"},
        {"audience": "web"},
        {"approver": spiffe_id(BEN)},
    ],
    ids=["arguments", "policy", "no policy", "link", "tool", "audience", "approver"],
)
def test_consent_to_something_else_answers_nothing(world, tweaks):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    with pytest.raises(Conflict):
        send(world, request, statement_of(request, **tweaks))
    assert world.state(request).answers == ()
    send(world, request, statement_of(request))
    assert world.permits(task)


@pytest.mark.spec("T-48")
def test_consent_to_one_request_answers_no_other(world):
    task, other = world.task(world.needs(ANN)), world.task(world.needs(ANN))
    request = world.ask(task)
    with pytest.raises(Conflict):
        send(world, request, statement_of(world.ask(other)))
    send(world, request, statement_of(request))
    assert world.permits(task)
    assert not world.permits(other)


@pytest.mark.spec("T-48")
@pytest.mark.parametrize(("from_ms", "until_ms"), [(-31_000, 0), (10_000, 0), (0, MINUTE_MS)])
def test_what_was_not_signed_now_or_counts_for_too_long_answers_nothing(world, from_ms, until_ms):
    task = world.task(world.needs(ANN))
    request, now_ms = world.ask(task), system_ms()
    tweaks = {"approved_at_ms": now_ms + from_ms}
    if until_ms:
        tweaks["expires_at_ms"] = request.expires_at_ms + until_ms
    with pytest.raises(Conflict):
        send(world, request, statement_of(request, **tweaks))
    assert not world.permits(task)
    send(world, request, statement_of(request))
    assert world.permits(task)


@pytest.mark.spec("T-48")
def test_what_was_signed_before_anybody_asked_answers_nothing(tmp_path):
    clock = Clock(system_ms)
    with running_world(tmp_path, identities=KEYED, now_ms=clock) as world:
        task = world.task(world.needs(ANN))
        before = world.ask(task)
        signed = statement_of(before)
        world.client(PLANNER).approvals.withdraw(before.request_id)
        clock.ahead_ms = 6_000
        request = world.ask(task)
        with pytest.raises(Conflict, match="before anybody"):
            send(world, request, signed)
        send(world, request, statement_of(request, approved_at_ms=clock()))
        assert world.permits(task)


@pytest.mark.spec("C-10", "T-48")
def test_what_is_not_in_the_one_form_answers_nothing(world):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    payload = statement_of(request).payload
    for other in (payload + b"\x60\x01", payload[:-1]):
        with pytest.raises(Malformed):
            send(world, request, sign_statement(StatementKind.SIGNED_APPROVAL, other, ANNS))
    with pytest.raises((InvalidRequest, Malformed)):
        send(world, request, statement_of(request)._replace(payload=bytes(9_000)))
    send(world, request, statement_of(request))
    assert world.permits(task)


@pytest.mark.spec("T-46")
def test_an_attested_approval_signed_with_ones_own_key_is_none(world):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    signed = statement_of(request)
    attested = decode_signed_approval(signed.payload)._replace(approver_issuer="spiffe://test.example")
    with pytest.raises(BadStatement):
        send(world, request, sign_approval(attested, ANNS))
    with pytest.raises(Malformed):
        send(world, request, sign_statement(StatementKind.SIGNED_APPROVAL, encode_approval(attested), ANNS))
    assert not world.permits(task)
    send(world, request, signed)
    assert world.permits(task)


# -- in the hands of whoever writes the database, or runs a replica


def set_answer(world, request, **columns):
    words = ", ".join(f"{name} = ?" for name in columns)
    rewrite(
        world,
        f"UPDATE approval_answers SET {words} WHERE request_id = ?",
        *columns.values(),
        request.request_id,
    )


@pytest.mark.spec("A-34")
@pytest.mark.parametrize("level", [None, "attested", "anything"])
def test_a_row_that_says_attested_makes_no_signature_the_services(world, level):
    task = world.task(world.needs(ANN))
    request = signed_by_ann(world, task)
    set_answer(world, request, level=level)
    assert not world.permits(task)
    set_answer(world, request, level="signed")
    assert world.permits(task)


@pytest.mark.spec("A-34")
@pytest.mark.parametrize("level", [None, "signed"])
def test_the_services_key_makes_up_no_consent_of_who_has_a_key(world, level):
    task = world.task(world.needs(ANN))
    request = signed_by_ann(world, task)
    kept = world.state(request).answers[0].approval
    statement_key = world.server.application._parts.trust.in_use.keys.statement
    said = decode_signed_approval(kept.payload)
    attested = sign_approval(said._replace(approver_issuer="spiffe://test.example"), statement_key)
    own = sign_statement(StatementKind.SIGNED_APPROVAL, kept.payload, statement_key)
    for forged in (attested, own):
        set_answer(
            world, request, level=level, key_id=forged.key_id, payload=forged.payload, signature=forged.signature
        )
        assert not world.permits(task)
    set_answer(world, request, level="signed", key_id=kept.key_id, payload=kept.payload, signature=kept.signature)
    assert world.permits(task)


@pytest.mark.spec("A-34", "T-25")
def test_the_signature_under_another_request_is_none(world):
    task, other = world.task(world.needs(ANN)), world.task(world.needs(ANN))
    signed_by_ann(world, task)
    theirs = signed_by_ann(world, other)
    kept = world.state(theirs).answers[0].approval
    foreign = world.state(signed_by_ann(world, world.task(world.needs(ANN)))).answers[0].approval
    set_answer(world, theirs, key_id=foreign.key_id, payload=foreign.payload, signature=foreign.signature)
    assert not world.permits(other)
    set_answer(world, theirs, key_id=kept.key_id, payload=kept.payload, signature=kept.signature)
    assert world.permits(other)


@pytest.mark.spec("A-35")
def test_a_used_request_that_is_made_approved_again_permits_nothing(world):
    task = world.task(world.needs(ANN))
    request = signed_by_ann(world, task)
    assert world.permits(task)
    again = "UPDATE approval_requests SET state = 'approved', call_id = NULL WHERE request_id = ?"
    for _ in range(3):
        rewrite(world, again, request.request_id)
        assert not world.permits(task)
    anew = signed_by_ann(world, task)  # what counts no more is in nobody's way
    assert anew.request_id != request.request_id
    assert world.permits(task)


@pytest.mark.spec("A-35", "T-25")
def test_a_used_signature_in_another_request_of_the_call_permits_nothing(world):
    task = world.task(world.needs(ANN))
    used = world.state(signed_by_ann(world, task)).answers[0].approval
    assert world.permits(task)
    request = world.ask(task)
    with pytest.raises(Conflict):
        send(world, request, used)
    fresh = world.state(by_ann(world, request)).answers[0].approval
    set_answer(world, request, key_id=used.key_id, payload=used.payload, signature=used.signature)
    assert not world.permits(task)
    set_answer(world, request, key_id=fresh.key_id, payload=fresh.payload, signature=fresh.signature)
    assert world.permits(task)


OTHER_CHAINS = {
    "agents": '[["spiffe://test.example/agent/trusted", true]]',
    "principal_subject": "ceo",
    "principal_issuer": "https://login.example.org",
    "purpose": "water the plants",
    "task_id": bytes(16),
    "token": None,
}


@pytest.mark.spec("A-25", "T-47")
@pytest.mark.parametrize("column", OTHER_CHAINS)
@pytest.mark.parametrize("person", [ANN, "person/cy"], ids=["signed", "attested"])
def test_what_is_shown_of_a_chain_is_what_its_links_say(world, column, person):
    task = world.task(world.needs(ANN, "person/cy"))
    request, key = world.ask(task), ANNS if person == ANN else None
    ((kept,),) = rewrite(world, f"SELECT {column} FROM approval_requests WHERE request_id = ?", request.request_id)
    change = f"UPDATE approval_requests SET {column} = ? WHERE request_id = ?"
    rewrite(world, change, OTHER_CHAINS[column], request.request_id)
    try:
        if OTHER_CHAINS[column] is not None and column != "task_id":
            with pytest.raises(RequestFailed, match="something else than its chain says"):
                world.client(person).approvals.get(request.request_id)
        with pytest.raises(Conflict):
            world.client(person).approvals.answer(request, approve=True, key=key)
    finally:
        rewrite(world, change, kept, request.request_id)
    assert not world.permits(task)
    shown = world.client(person).approvals.get(request.request_id)
    assert world.client(person).approvals.answer(shown, approve=True, key=key).state is ApprovalState.APPROVED
    assert world.permits(task)


@pytest.mark.spec("T-47")
@pytest.mark.parametrize(
    "lie",
    [
        lambda request, other: {"token": other.token},
        lambda request, other: {"token": b""},
        lambda request, other: {"link_id": other.link_id},
        lambda request, other: {"purpose": "water the plants"},
        lambda request, other: {"principal": request.principal._replace(subject="ceo")},
        lambda request, other: {"agents": request.agents[:-1]},
        lambda request, other: {"agents": (*request.agents, *request.agents)},
    ],
    ids=["another token", "no token", "another link", "purpose", "principal", "agents", "more agents"],
)
def test_nobody_signs_a_request_that_shows_another_chain_than_it_is_about(world, lie):
    task = world.task(world.needs(ANN))
    request, other = world.ask(task), world.ask(world.task(world.needs(ANN)))
    with pytest.raises(InvalidRequest, match="cannot be signed"):
        by_ann(world, replace(request, **lie(request, other)))
    assert world.state(request).answers == ()
    by_ann(world, request)
    assert world.permits(task)


# -- the key


@pytest.mark.spec("A-34")
@pytest.mark.parametrize("left", [(), (ANNS_OTHER,)], ids=["no key", "another key"])
def test_a_key_that_is_struck_off_between_answer_and_call_has_signed_nothing(tmp_path, left):
    with running_world(tmp_path, identities=KEYED) as world:
        task, other = world.task(world.needs(ANN)), world.task(world.needs(BEN))
        signed_by_ann(world, task)
        world.client(BEN).approvals.answer(world.ask(other), approve=True, key=BENS)
    with running_world(tmp_path, identities=with_keys(*left)) as world:
        assert not world.permits(task)
        assert world.permits(other)
        request = world.ask(task)
        world.client(ANN).approvals.answer(request, approve=True, key=left[0] if left else None)
        assert world.permits(task)


@pytest.mark.spec("A-34")
def test_a_key_that_is_revoked_has_signed_nothing_and_signs_nothing(tmp_path):
    with running_world(tmp_path, identities=KEYED) as world:
        task, other = world.task(world.needs(ANN)), world.task(world.needs(ANN))
        signed_by_ann(world, task)
        by_ann(world, world.ask(other), key=ANNS_OTHER)
        world.client("operator/olga").revoke_id(RevocationKind.HOLDER_KEY, ANNS.public)
        assert not world.permits(task)
        assert world.permits(other)
        with pytest.raises(Revoked):
            by_ann(world, world.ask(task))
        by_ann(world, world.ask(task), key=ANNS_OTHER)
        assert world.permits(task)


# -- by hand


@pytest.mark.spec("T-47")
def test_the_digest_that_is_signed_is_of_the_arguments_that_were_shown(world):
    task = world.task(world.needs(ANN))
    request, other = world.ask(task), world.ask(task, {"path": "/srv/new"})
    lied = replace(request, arguments_json=other.arguments_json)  # the digest is another's
    with pytest.raises(Conflict):
        by_ann(world, lied)
    assert world.state(request).answers == ()
    by_ann(world, request)
    assert world.permits(task)


def test_a_message_without_what_was_signed_is_no_signed_approval(world):
    task = world.task(world.needs(ANN))
    request, caller = world.ask(task), world.caller(ANN)
    message = pb.AnswerApprovalRequest(
        request_id=request.request_id, arguments_digest=request.arguments_digest, approve=True
    )
    message.signed_approval.SetInParent()
    with pytest.raises(InvalidRequest):
        caller.ask(caller.approvals.AnswerApproval, message)
    assert world.decide(task).refusal.reason is Reason.APPROVAL_REQUIRED
