"""Messages of ApprovalService: people's consent to single calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from delegation.core import limits
from delegation.core.approval import ApprovalDemand, ApprovalLevel
from delegation.core.approval_request import ApprovalAnswer, ApprovalRequest, ApprovalState, ChainAgent
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.codec import statement_from_message as read_statement
from delegation.core.codec import statement_to_message as statement_message
from delegation.core.statement import SignedStatement
from delegation.errors import InvalidRequest, Malformed
from delegation.v1 import approval_service_pb2 as pb
from delegation.v1 import chain_pb2
from delegation.wire.fields import at_most, moment_ms, printable, service_answer, sized, text
from delegation.wire.paging import PageRequest, page_token, read_cursor, read_page

REQUEST_ID_BYTES: Final = 16
DIGEST_BYTES: Final = 32
_BASIS_NUMBER: Final = {
    basis: chain_pb2.PrincipalBasis.Value(f"PRINCIPAL_BASIS_{basis.name}") for basis in PrincipalBasis
}
_BASIS: Final = {number: basis for basis, number in _BASIS_NUMBER.items()}
_STATE_NUMBER: Final = {state: pb.ApprovalState.Value(f"APPROVAL_STATE_{state.name}") for state in ApprovalState}
_STATE: Final = {number: state for state, number in _STATE_NUMBER.items()}


@dataclass(frozen=True, slots=True)
class ApprovalWanted:
    """A call whose approval is asked for, with the token and a proof of it."""

    token: bytes = field(repr=False)
    proof: bytes = field(repr=False)
    audience: str
    tool: str
    arguments_json: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApprovalsWanted:
    """Which requests; None does not restrict."""

    page: PageRequest = field(default_factory=PageRequest)
    pending_only: bool = False
    task_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class ApprovalsWatched:
    """Which requests are watched: those of one task, or one alone; of both None, all."""

    task_id: bytes | None = None
    request_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class AnswerToApproval:
    """An approver's answer, the digest of the arguments that they have seen, and what they have signed, if anything."""

    request_id: bytes
    arguments_digest: bytes
    approve: bool
    justification: str = ""
    signed_approval: SignedStatement | None = None


# -- requests ------------------------------------------------------------------------------------------------


def request_approval_message(wanted: ApprovalWanted) -> pb.RequestApprovalRequest:
    """Make the message that asks for an approval."""
    return pb.RequestApprovalRequest(
        token=wanted.token,
        proof=wanted.proof,
        audience=wanted.audience,
        tool=wanted.tool,
        arguments_json=wanted.arguments_json,
    )


def read_request_approval(message: pb.RequestApprovalRequest) -> ApprovalWanted:
    """Read what approval is asked for; token, proof and arguments are judged later. Raises `InvalidRequest`."""
    return ApprovalWanted(
        message.token,
        message.proof,
        printable(message.audience, limits.NAME_BYTES, "audience"),
        printable(message.tool, limits.NAME_BYTES, "tool"),
        at_most(message.arguments_json, limits.ARGUMENT_BYTES, "arguments_json"),
    )


def read_request_id(message: pb.GetApprovalRequest | pb.WithdrawApprovalRequest) -> bytes:
    """Read which request is meant. Raises `InvalidRequest`."""
    return sized(message.request_id, REQUEST_ID_BYTES, "request_id")


def list_approvals_message(wanted: ApprovalsWanted) -> pb.ListApprovalsRequest:
    """Make the message that asks for requests."""
    return pb.ListApprovalsRequest(
        page_size=wanted.page.size,
        page_token=page_token(wanted.page.cursor),
        pending_only=wanted.pending_only,
        task_id=wanted.task_id or b"",
    )


def read_list_approvals(message: pb.ListApprovalsRequest) -> ApprovalsWanted:
    """Read which requests are wanted. Raises `InvalidRequest`."""
    return ApprovalsWanted(
        read_page(message.page_size, message.page_token),
        message.pending_only,
        sized(message.task_id, limits.TASK_ID_BYTES, "task_id") if message.task_id else None,
    )


def watch_approvals_message(watched: ApprovalsWatched) -> pb.WatchApprovalsRequest:
    """Make the message that asks to be told of requests."""
    if watched.request_id is not None:
        return pb.WatchApprovalsRequest(request_id=watched.request_id)
    return pb.WatchApprovalsRequest() if watched.task_id is None else pb.WatchApprovalsRequest(task_id=watched.task_id)


def read_watch_approvals(message: pb.WatchApprovalsRequest) -> ApprovalsWatched:
    """Read what is watched. Raises `InvalidRequest`."""
    match message.WhichOneof("only"):
        case "task_id":
            return ApprovalsWatched(task_id=sized(message.task_id, limits.TASK_ID_BYTES, "task_id"))
        case "request_id":
            return ApprovalsWatched(request_id=sized(message.request_id, REQUEST_ID_BYTES, "request_id"))
        case _:
            return ApprovalsWatched()


def answer_approval_message(answer: AnswerToApproval) -> pb.AnswerApprovalRequest:
    """Make the message of an answer."""
    return pb.AnswerApprovalRequest(
        request_id=answer.request_id,
        arguments_digest=answer.arguments_digest,
        approve=answer.approve,
        justification=answer.justification,
        signed_approval=statement_message(answer.signed_approval) if answer.signed_approval else None,
    )


def read_answer_approval(message: pb.AnswerApprovalRequest) -> AnswerToApproval:
    """Read an answer. Raises `InvalidRequest`."""
    return AnswerToApproval(
        sized(message.request_id, REQUEST_ID_BYTES, "request_id"),
        sized(message.arguments_digest, DIGEST_BYTES, "arguments_digest"),
        message.approve,
        text(message.justification, limits.PURPOSE_BYTES, "justification", required=False),
        _read_signed(message.signed_approval) if message.HasField("signed_approval") else None,
    )


def _read_signed(message: chain_pb2.SignedStatement) -> SignedStatement:
    at_most(message.payload, limits.STATEMENT_BYTES, "signed_approval")
    try:
        return read_statement(message)
    except Malformed as error:
        raise InvalidRequest(f"signed_approval: {error}") from None


# -- answers -------------------------------------------------------------------------------------------------


def approvals_message(requests: Sequence[ApprovalRequest], next_cursor: bytes | None) -> pb.ListApprovalsResponse:
    """Make the message of a page of requests."""
    return pb.ListApprovalsResponse(requests=map(request_message, requests), next_page_token=page_token(next_cursor))


def read_approvals(message: pb.ListApprovalsResponse) -> tuple[tuple[ApprovalRequest, ...], bytes | None]:
    """Read a page of requests, and where the next one begins. Raises `RequestFailed`."""
    with service_answer():
        return tuple(map(_read_request, message.requests)), read_cursor(message.next_page_token)


def watched_message(request: ApprovalRequest | None) -> pb.WatchApprovalsResponse:
    """Make the message that tells of a request; None: a heartbeat."""
    return pb.WatchApprovalsResponse(request=request_message(request) if request else None)


def read_watched(message: pb.WatchApprovalsResponse) -> ApprovalRequest | None:
    """Read what is told; None: a heartbeat. Raises `RequestFailed`."""
    return read_request(message.request) if message.HasField("request") else None


def request_message(request: ApprovalRequest) -> pb.ApprovalRequest:
    """Make the message of a request."""
    principal = request.principal
    return pb.ApprovalRequest(
        request_id=request.request_id,
        state=_STATE_NUMBER[request.state],
        task_id=request.task_id,
        link_id=request.link_id,
        audience=request.audience,
        tool=request.tool,
        arguments_digest=request.arguments_digest,
        arguments_json=request.arguments_json,
        policy_digest=request.policy_digest,
        purpose=request.purpose,
        principal=chain_pb2.Principal(
            subject=principal.subject, issuer=principal.issuer, basis=_BASIS_NUMBER[principal.basis]
        ),
        agents=(pb.ChainAgent(**agent._asdict()) for agent in request.agents),
        demands=map(_demand_message, request.demands),
        requester=request.requester,
        requested_at_ms=request.requested_at_ms,
        expires_at_ms=request.expires_at_ms,
        answers=map(_answer_message, request.answers),
        withdrawn_by=request.withdrawn_by,
        call_id=request.call_id,
        token=request.token,
    )


def _demand_message(demand: ApprovalDemand) -> pb.ApprovalDemand:
    return pb.ApprovalDemand(
        approvers=demand.approvers,
        threshold=demand.threshold,
        principal_may_approve=demand.principal_may_approve,
        link_index=demand.link_index,
        rule=demand.rule,
        signed=demand.level is ApprovalLevel.SIGNED,
    )


def _answer_message(answer: ApprovalAnswer) -> pb.ApprovalAnswer:
    return pb.ApprovalAnswer(
        approver=answer.approver,
        approver_issuer=answer.approver_issuer,
        authentication_strength=answer.authentication_strength,
        approve=answer.approve,
        justification=answer.justification,
        answered_at_ms=answer.answered_at_ms,
        approval=statement_message(answer.approval) if answer.approval else None,
    )


def read_request(message: pb.ApprovalRequest) -> ApprovalRequest:
    """Read a request. Raises `RequestFailed`."""
    with service_answer():
        return _read_request(message)


def _read_request(message: pb.ApprovalRequest) -> ApprovalRequest:
    state, basis = _STATE.get(message.state), _BASIS.get(message.principal.basis)
    if state is None or basis is None:
        raise InvalidRequest("a request for approval says something unknown here")
    return ApprovalRequest(
        request_id=sized(message.request_id, REQUEST_ID_BYTES, "request_id"),
        state=state,
        task_id=sized(message.task_id, limits.TASK_ID_BYTES, "task_id"),
        link_id=sized(message.link_id, limits.LINK_ID_BYTES, "link_id"),
        audience=message.audience,
        tool=message.tool,
        arguments_digest=sized(message.arguments_digest, DIGEST_BYTES, "arguments_digest"),
        arguments_json=message.arguments_json,
        policy_digest=message.policy_digest,
        purpose=message.purpose,
        principal=Principal(message.principal.subject, message.principal.issuer, basis),
        agents=tuple(ChainAgent(each.agent, each.bound) for each in message.agents),
        demands=tuple(map(_read_demand, message.demands)),
        requester=message.requester,
        requested_at_ms=moment_ms(message.requested_at_ms, "requested_at_ms"),
        expires_at_ms=moment_ms(message.expires_at_ms, "expires_at_ms"),
        answers=tuple(map(_read_answer, message.answers)),
        withdrawn_by=message.withdrawn_by,
        call_id=message.call_id,
        token=at_most(message.token, limits.TOKEN_BYTES, "token"),
    )


def _read_demand(message: pb.ApprovalDemand) -> ApprovalDemand:
    return ApprovalDemand(
        tuple(message.approvers),
        message.threshold,
        message.principal_may_approve,
        message.link_index if message.HasField("link_index") else None,
        message.rule,
        ApprovalLevel.SIGNED if message.signed else ApprovalLevel.ATTESTED,
    )


def _read_answer(message: pb.ApprovalAnswer) -> ApprovalAnswer:
    return ApprovalAnswer(
        approver=message.approver,
        approver_issuer=message.approver_issuer,
        authentication_strength=message.authentication_strength,
        approve=message.approve,
        justification=message.justification,
        answered_at_ms=moment_ms(message.answered_at_ms, "answered_at_ms"),
        approval=read_statement(message.approval) if message.HasField("approval") else None,
    )
