"""Approvals: asking for people's consent to a call, looking whether it is there, and answering."""

from __future__ import annotations

from typing import Any, Final

from delegation.core import limits
from delegation.core.approval import Approval
from delegation.core.approval_chain import require_shown
from delegation.core.approval_request import ApprovalRequest, ApprovalState
from delegation.core.arguments import Arguments
from delegation.core.attest import sign_own_approval
from delegation.core.keys import Signer
from delegation.core.named_tuple import NamedTuple
from delegation.core.statement import SignedStatement
from delegation.errors import InvalidRequest, Reason, Refused, RequestFailed, refusal
from delegation.v1 import approval_service_pb2 as pb
from delegation.wire import approvals as wire
from delegation.wire.paging import MAX_PAGE_SIZE, PageRequest
from delegation_sdk.backoff import Backoff
from delegation_sdk.flows.approval_watch import SILENCE_S
from delegation_sdk.flows.lineage import DEFAULT_LIMIT, Found
from delegation_sdk.flows.rpc import Flow, Rpc
from delegation_sdk.sources import Sources

_SERVICE: Final = "delegation.v1.ApprovalService"
_MOST_PAGES: Final = 100
"""Of a list: a page may be empty, because what it would hold is not the caller's to see."""


def request_approval(wanted: wire.ApprovalWanted) -> Flow[ApprovalRequest | None]:
    """Ask for the approval of a call; None if it needs none. Asked again, it is the same request.

    Raises:
        Refused: The call is refused whoever approves it.
        RequestFailed: The service did not do it.
    """
    answer: pb.RequestApprovalResponse = yield Rpc(
        f"{_SERVICE}/RequestApproval", wire.request_approval_message(wanted), pb.RequestApprovalResponse
    )
    return wire.read_request(answer.request) if answer.HasField("request") else None


def get_approval(request_id: bytes) -> Flow[ApprovalRequest]:
    """Get one request (16 bytes).

    Raises:
        NotFound: There is none, or not for this caller to see.
        RequestFailed: The service did not do it; or it shows another chain than the request is about.
    """
    message = pb.GetApprovalRequest(request_id=request_id)
    answer: pb.GetApprovalResponse = yield Rpc(f"{_SERVICE}/GetApproval", message, pb.GetApprovalResponse)
    request = wire.read_request(answer.request)
    if request.token:
        try:
            require_shown(request)
        except Refused as refused:
            raise RequestFailed(f"request for approval {request_id.hex()}: {refused}") from None
    return request


def list_approvals(
    *, pending_only: bool = False, task_id: bytes | None = None, limit: int = DEFAULT_LIMIT
) -> Flow[Found[ApprovalRequest]]:
    """List the requests that this caller may see, newest first, without their arguments. Raises `RequestFailed`."""
    items: list[ApprovalRequest] = []
    cursor: bytes | None = None
    for _ in range(_MOST_PAGES):
        page = PageRequest(min(limit - len(items), MAX_PAGE_SIZE), cursor)
        message = wire.list_approvals_message(wire.ApprovalsWanted(page, pending_only, task_id))
        answer = yield Rpc(f"{_SERVICE}/ListApprovals", message, pb.ListApprovalsResponse)
        found, cursor = wire.read_approvals(answer)
        items += found
        if cursor is None or len(items) >= limit:
            break
    return Found(tuple(items[:limit]), cursor is not None or len(items) > limit)


class Signing(NamedTuple):
    """How an approver signs what they approve.

    Attributes:
        approver: Who they are, as they know it themselves: not by the service's word.
        key: Their own.
        sources: Clock and randomness.
    """

    approver: str
    key: Signer
    sources: Sources

    def sign(self, request: ApprovalRequest, arguments_digest: bytes) -> SignedStatement:
        """Sign consent to a request as it was seen, for as long as that says (T-47).

        Raises:
            InvalidRequest: The request says something that no approval says, or shows another chain than it is about.
        """
        now_ms = self.sources.now_ms()
        try:
            require_shown(request)
            return sign_own_approval(
                Approval(
                    link_id=request.link_id,
                    audience=request.audience,
                    tool=request.tool,
                    arguments_digest=arguments_digest,
                    policy_digest=request.policy_digest,
                    approver=self.approver,
                    approver_issuer="",
                    authentication_strength="",
                    approved_at_ms=now_ms,
                    expires_at_ms=min(request.expires_at_ms, now_ms + limits.APPROVAL_LIFETIME_MS),
                    nonce=self.sources.random(limits.NONCE_BYTES),
                ),
                self.key,
            )
        except Refused as error:
            raise InvalidRequest(f"this request cannot be signed: {error}") from None


def answer_approval(
    request: ApprovalRequest, *, approve: bool, justification: str = "", signing: Signing | None = None
) -> Flow[ApprovalRequest]:
    """Approve or refuse what was seen: the digest that is sent with a consent is that of the arguments in the request.

    With `signing`, it is signed, too.

    Raises:
        InvalidRequest: It has no arguments, as lists have none: get the request, and look at it.
        PermissionDenied, NotFound: This caller is not asked.
        Conflict: It cannot be answered any more, or is not what was seen.
        RequestFailed: The service did not do it.
    """
    digest, signed = request.arguments_digest, None
    if approve and request.state is ApprovalState.PENDING:
        if not request.arguments_json:
            raise InvalidRequest("a request without its arguments is not approved: get it, and look at what is called")
        digest = Arguments.parse(request.arguments_json).digest
        signed = signing.sign(request, digest) if signing else None
    said = wire.AnswerToApproval(request.request_id, digest, approve, justification, signed)
    answer: pb.AnswerApprovalResponse = yield Rpc(
        f"{_SERVICE}/AnswerApproval", wire.answer_approval_message(said), pb.AnswerApprovalResponse
    )
    return wire.read_request(answer.request)


def withdraw_approval(request_id: bytes) -> Flow[ApprovalRequest]:
    """Take a request (16 bytes) back.

    Raises:
        PermissionDenied, NotFound: Somebody else has asked.
        Conflict: It is over.
        RequestFailed: The service did not do it.
    """
    message = pb.WithdrawApprovalRequest(request_id=request_id)
    answer: pb.WithdrawApprovalResponse = yield Rpc(
        f"{_SERVICE}/WithdrawApproval", message, pb.WithdrawApprovalResponse
    )
    return wire.read_request(answer.request)


class Waiting:
    """How long to wait for an answer, without I/O: often at first, then every few seconds, until a deadline.

    Args:
        timeout_ms: The deadline, from now.
        sources: Clock and randomness.

    Attributes:
        is_told: Whether a stream tells of the answer; else it is asked for.
    """

    def __init__(self, timeout_ms: int, sources: Sources) -> None:
        self._sources = sources
        self._until_ms = sources.monotonic_ms() + timeout_ms
        self._backoff = Backoff(sources.random, first_s=0.25, longest_s=5.0)
        self.is_told = True

    @property
    def silence_s(self) -> float:
        """How long a stream may say nothing, in seconds: then it is broken, or the deadline is over."""
        return max(0.0, min(SILENCE_S, (self._until_ms - self._sources.monotonic_ms()) / 1000))

    def hear(self, message: Any, request: ApprovalRequest) -> ApprovalRequest:
        """Take what a stream says of the request, None if that is nothing; give the request as it is known then."""
        if message is None:
            self.ask_from_now_on()
            return request
        self._backoff.reset()
        return wire.read_watched(message) or request

    def ask_from_now_on(self) -> None:
        """Note that no stream tells of it: ask, as often as `pause_s` says."""
        self.is_told = False

    def pause_s(self, request: ApprovalRequest | None) -> float | None:
        """Tell how long to wait before asking again; None: the call can be made.

        Args:
            request: What was answered last; None: no approval is needed.

        Raises:
            ConditionUnmet: APPROVAL_REQUIRED: it was refused, is over, or nobody has answered in time.
        """
        if request is None or request.state is ApprovalState.APPROVED:
            return None
        if request.state is not ApprovalState.PENDING:
            raise _unmet(request, _how_it_ended(request))
        left_ms = self._until_ms - self._sources.monotonic_ms()
        if left_ms <= 0:
            raise _unmet(request, "nobody has answered in time, and it can still be answered")
        return min(self._backoff.next_s(), left_ms / 1000)


def _how_it_ended(request: ApprovalRequest) -> str:
    refused = next((answer for answer in request.answers if not answer.approve), None)
    if request.state is ApprovalState.REFUSED and refused is not None:
        return f"refused by {refused.approver}" + (f": {refused.justification}" if refused.justification else "")
    return str(request.state)


def _unmet(request: ApprovalRequest, why: str) -> Refused:
    return refusal(
        Reason.APPROVAL_REQUIRED,
        field=f"{request.audience}.{request.tool}",
        detail=f"request for approval {request.request_id.hex()}: {why}",
    )
