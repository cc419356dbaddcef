"""Messages of ApprovalService: what is sent arrives, and what makes no sense is blamed on whoever has sent it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delegation.core.approval import ApprovalDemand
from delegation.core.approval_request import ApprovalAnswer, ApprovalRequest, ApprovalState, ChainAgent
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.statement import SignedStatement, StatementKind
from delegation.errors import InvalidRequest, Reason, RequestFailed, refusal
from delegation.v1 import approval_service_pb2 as pb
from delegation.wire import approvals as wire
from delegation.wire.paging import PageRequest
from delegation.wire.refusals import read_refusal, refusal_message
from support.chains import some_bytes

ANSWER = ApprovalAnswer(
    "ann",
    "https://login.example.test",
    "mfa",
    approve=True,
    justification="it is old",
    answered_at_ms=7,
    approval=SignedStatement(StatementKind.APPROVAL, some_bytes("key"), b"payload", bytes(64)),
)
REQUEST = ApprovalRequest(
    request_id=some_bytes("request"),
    state=ApprovalState.PENDING,
    task_id=some_bytes("task"),
    link_id=some_bytes("link", 32),
    audience="files",
    tool="delete",
    arguments_digest=some_bytes("arguments", 32),
    arguments_json=b'{"path":"/srv/secret"}',
    policy_digest=some_bytes("policy", 32),
    purpose="clean up",
    principal=Principal("ada", "https://login.example.test", PrincipalBasis.OIDC_ID_TOKEN),
    agents=(ChainAgent("planner", True), ChainAgent("worker", False)),
    demands=(ApprovalDemand(("ann", "ben"), 2, link_index=0), ApprovalDemand((), 1, principal_may_approve=True)),
    requester="worker",
    requested_at_ms=5,
    expires_at_ms=9,
    answers=(ANSWER, replace(ANSWER, approver="ben", approve=False, approval=None)),
    withdrawn_by="worker",
    call_id=some_bytes("call"),
)
WANTED = wire.ApprovalWanted(b"token", b"proof", "files", "delete", b'{"path":"/srv/secret"}')


def test_requests_arrive_as_they_were_sent():
    assert wire.read_request_approval(wire.request_approval_message(WANTED)) == WANTED
    answer = wire.AnswerToApproval(some_bytes("request"), some_bytes("arguments", 32), approve=True, justification="so")
    assert wire.read_answer_approval(wire.answer_approval_message(answer)) == answer
    wanted = wire.ApprovalsWanted(PageRequest(7, b"cursor"), pending_only=True, task_id=some_bytes("task"))
    assert wire.read_list_approvals(wire.list_approvals_message(wanted)) == wanted


@pytest.mark.parametrize("state", ApprovalState)
def test_a_request_for_approval_is_told_as_it_is(state):
    request = replace(REQUEST, state=state)
    assert wire.read_request(wire.request_message(request)) == request
    assert wire.read_approvals(wire.approvals_message([request], b"next")) == ((request,), b"next")


@pytest.mark.parametrize(
    "message",
    [
        pb.AnswerApprovalRequest(request_id=bytes(16), arguments_digest=bytes(31), approve=True),
        pb.AnswerApprovalRequest(request_id=bytes(15), arguments_digest=bytes(32)),
        pb.AnswerApprovalRequest(request_id=bytes(16), arguments_digest=bytes(32), justification="x" * 1025),
        pb.AnswerApprovalRequest(request_id=bytes(16), arguments_digest=bytes(32), justification="nul\0"),
    ],
    ids=["short digest", "short id", "long justification", "a NUL"],
)
def test_an_answer_that_makes_no_sense_is_refused(message):
    with pytest.raises(InvalidRequest):
        wire.read_answer_approval(message)


@pytest.mark.parametrize("field", ["state", "request_id", "expires_at_ms", "principal"])
def test_a_request_that_makes_no_sense_is_the_services_fault(field):
    message = wire.request_message(REQUEST)
    message.ClearField(field)
    with pytest.raises(RequestFailed, match="makes no sense"):
        wire.read_request(message)


def test_no_argument_token_or_proof_shows_in_a_repr():
    assert "secret" not in repr(REQUEST)
    assert not {"secret", "token", "proof"} & set(repr(WANTED).replace("'", " ").split())


@pytest.mark.parametrize(("sent", "read"), [(bytes(16), bytes(16)), (b"", b""), (b"short", b"")])
def test_a_refusal_carries_the_id_of_the_request_that_waits(sent, read):
    refused = refusal(Reason.APPROVAL_REQUIRED)
    refused.approval_request_id = sent
    assert read_refusal(refusal_message(refused)).approval_request_id == read
