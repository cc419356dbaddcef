"""Writes about requests for approval: opened, answered, withdrawn, all under the lock of their task's session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import sqlalchemy as sa

from delegation.errors import Conflict
from delegation.storage.approvals import (
    APPROVED,
    LIVE,
    OPEN_IN_A_TASK,
    OPEN_OF_A_HOLDER,
    OPEN_OF_A_PRINCIPAL,
    OPEN_UNDER_A_LINK,
    PENDING,
    REQUESTS_OF_A_TASK,
    WITHDRAWN,
    ApprovalAnswerRecord,
    ApprovalNeeds,
    ApprovalRequestRecord,
    AsksAgain,
    CallKey,
    OpenedApproval,
    StateAfter,
    StillCounts,
)
from delegation.storage.operations.operation import Lock, Operation, Transaction
from delegation.storage.operations.sessions import Wanted
from delegation.storage.queries import APPROVAL_REQUEST
from delegation.storage.refused_writes import NotRecordedError, TooManyOpenError
from delegation.storage.rows import APPROVAL_ANSWERS, APPROVAL_REQUESTS
from delegation.storage.schema import APPROVAL_REFUSED, approval_requests
from delegation.storage.statements import Statement

if TYPE_CHECKING:
    from delegation.storage.sessions import SessionStep

_ADD_REQUEST: Final = Statement(APPROVAL_REQUESTS.insert())
_ADD_ANSWER: Final = Statement(APPROVAL_ANSWERS.insert())
_REQUEST: Final = Statement(APPROVAL_REQUEST)
_IS_OPEN: Final = sa.and_(approval_requests.c.state == PENDING, approval_requests.c.expires_ms > sa.bindparam("now_ms"))
_COUNTED: Final = Statement(
    sa.select(
        sa.func.count(),
        sa.func.count().filter(_IS_OPEN),
        sa.func.count().filter(_IS_OPEN, approval_requests.c.link_id == sa.bindparam("link_id")),
    )
    .select_from(approval_requests)
    .where(approval_requests.c.task_id == sa.bindparam("task_id"))
)


def _open_of(*columns: sa.Column[Any]) -> Statement:
    # What is open has its arguments: so the index of the few that have them is enough.
    return Statement(
        sa.select(sa.func.count())
        .select_from(approval_requests)
        .where(
            *(column == sa.bindparam(column.name) for column in columns),
            approval_requests.c.arguments_json.is_not(None),
            _IS_OPEN,
        )
    )


_OPEN_OF_HOLDER: Final = _open_of(approval_requests.c.holder)
_OPEN_OF_PRINCIPAL: Final = _open_of(approval_requests.c.principal_subject, approval_requests.c.principal_issuer)
_REFUSED: Final = Statement(
    APPROVAL_REQUESTS.select().where(
        approval_requests.c.task_id == sa.bindparam("task_id"),
        approval_requests.c.audience == sa.bindparam("audience"),
        approval_requests.c.tool == sa.bindparam("tool"),
        approval_requests.c.arguments_digest == sa.bindparam("arguments_digest"),
        approval_requests.c.policy_digest == sa.bindparam("policy_digest"),
        APPROVAL_REFUSED,
        approval_requests.c.expires_ms > sa.bindparam("now_ms"),
    )
)
"""In no order: for one, SQLite would walk through all requests of the task."""

_SET_STATE: Final = Statement(
    sa.update(approval_requests)
    .where(approval_requests.c.request_id == sa.bindparam("of_request"))
    .values(
        state=sa.bindparam("to_state"), withdrawn_by=sa.bindparam("by_whom"), arguments_json=sa.null(), token=sa.null()
    )
)


def _set_state(transaction: Transaction, request: ApprovalRequestRecord, state: str, by: str = "") -> None:
    transaction.change(_SET_STATE, of_request=request.request_id, to_state=state, by_whom=by)


@dataclass(frozen=True, slots=True)
class OpenApproval(Operation[OpenedApproval]):
    """See `Storage.open_approval`."""

    lock: ClassVar[Lock] = Lock.SHARED
    step: SessionStep
    make: Callable[[ApprovalNeeds], ApprovalRequestRecord]
    asks_again: AsksAgain
    still_counts: StillCounts

    def wants(self) -> tuple[Wanted, ...]:
        """The state of the call's task."""
        return (Wanted.by(self.step),)

    def apply(self, transaction: Transaction) -> OpenedApproval:
        """Have the call judged; only what lacks nothing but approval is asked for."""
        verdict = transaction.sessions.judge(self.step)
        if verdict.refusal is None:
            return OpenedApproval(_read(transaction, verdict.uses) if verdict.uses else None)
        if verdict.needs is None:
            return OpenedApproval(None, verdict.refusal)
        request = self.make(verdict.needs)
        call = CallKey(request.link_id, request.audience, request.tool, request.arguments_digest)
        standing = transaction.sessions.approvals.live(call, request.policy_digest, self.step.now_ms)
        if standing is not None:
            if standing.demands == request.demands and self._stands(transaction, standing):
                return OpenedApproval(standing)
            # It takes something else by now, or who has approved it is nobody who could.
            _set_state(transaction, standing, WITHDRAWN)
        known = self._refused(transaction, request)
        refused = [each for each in known if self.asks_again(each.demands, request.demands)]
        if refused:  # who is refused does not ask until somebody consents, nor under another link of the task
            return OpenedApproval(max(refused, key=lambda each: each.request_id))
        self._require_room(transaction, request)
        transaction.insert(_ADD_REQUEST, [APPROVAL_REQUESTS.to_row(request)])
        return OpenedApproval(request)

    def _stands(self, transaction: Transaction, standing: ApprovalRequestRecord) -> bool:
        """Tell whether to wait with what stands. Approved, and the call refused: it may count in a moment, or never."""
        if standing.state == PENDING:
            return True
        consents = transaction.sessions.approvals.given(standing.request_id, self.step.now_ms)
        return self.still_counts(standing, consents)

    def _require_room(self, transaction: Transaction, request: ApprovalRequestRecord) -> None:
        now_ms = self.step.now_ms
        counted = transaction.one(_COUNTED, task_id=request.task_id, link_id=request.link_id, now_ms=now_ms)
        in_all, in_task, under_link = counted or (0, 0, 0)
        if in_all >= REQUESTS_OF_A_TASK:
            raise TooManyOpenError(f"this task has opened {in_all} requests, and no task opens more")
        of_holder = transaction.one(_OPEN_OF_HOLDER, holder=request.holder, now_ms=now_ms) or (0,)
        principal = {"principal_subject": request.principal_subject, "principal_issuer": request.principal_issuer}
        of_principal = transaction.one(_OPEN_OF_PRINCIPAL, **principal, now_ms=now_ms) or (0,)
        for is_open, most, whose in (
            (under_link, OPEN_UNDER_A_LINK, "under this delegation"),
            (in_task, OPEN_IN_A_TASK, "of this task"),
            (of_holder[0], OPEN_OF_A_HOLDER, "of the tasks of this grant's holder"),
            (of_principal[0], OPEN_OF_A_PRINCIPAL, "of the tasks for this principal"),
        ):
            if is_open >= most:
                raise TooManyOpenError(f"{is_open} requests {whose} can be answered already: withdraw one, or wait")

    def _refused(self, transaction: Transaction, request: ApprovalRequestRecord) -> list[ApprovalRequestRecord]:
        rows = transaction.all(
            _REFUSED,
            task_id=request.task_id,
            audience=request.audience,
            tool=request.tool,
            arguments_digest=request.arguments_digest,
            policy_digest=request.policy_digest,
            now_ms=self.step.now_ms,
        )
        return [APPROVAL_REQUESTS.from_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class AnswerApproval(Operation["ApprovalRequestRecord"]):
    """See `Storage.answer_approval`."""

    lock: ClassVar[Lock] = Lock.SHARED
    request: ApprovalRequestRecord
    answer: ApprovalAnswerRecord
    state_after: StateAfter

    def wants(self) -> tuple[Wanted, ...]:
        """The state of the request's task: whoever is about to use the approval waits, or goes first."""
        return (Wanted(self.request.task_id, self.request.task_expires_ms),)

    def apply(self, transaction: Transaction) -> ApprovalRequestRecord:
        """Enter the answer, if the request can still be answered."""
        request = _read(transaction, self.request.request_id)
        earlier = transaction.sessions.approvals.answers(request.request_id)
        for each in earlier:
            if each.approver == self.answer.approver:
                if each.approve == self.answer.approve:
                    return request
                raise Conflict("this approver has answered otherwise: nobody answers twice")
        if transaction.sessions.approvals.was_used(self.answer):
            raise Conflict("a call has used this approval: it is signed anew for each")
        _require(request, (PENDING,), self.answer.answered_ms)
        transaction.insert(_ADD_ANSWER, [APPROVAL_ANSWERS.to_row(self.answer)])
        state = self.state_after(request, (*earlier, self.answer))
        if state == PENDING:
            return request
        _set_state(transaction, request, state)
        return replace(request, state=state, arguments_json=None, token=None)


@dataclass(frozen=True, slots=True)
class WithdrawApproval(Operation["ApprovalRequestRecord"]):
    """See `Storage.withdraw_approval`."""

    lock: ClassVar[Lock] = Lock.SHARED
    request: ApprovalRequestRecord
    withdrawn_by: str
    now_ms: int

    def wants(self) -> tuple[Wanted, ...]:
        """The state of the request's task."""
        return (Wanted(self.request.task_id, self.request.task_expires_ms),)

    def apply(self, transaction: Transaction) -> ApprovalRequestRecord:
        """Withdraw it, unless it is over."""
        request = _read(transaction, self.request.request_id)
        if request.state == WITHDRAWN:
            return request
        _require(request, LIVE, self.now_ms)
        _set_state(transaction, request, WITHDRAWN, self.withdrawn_by)
        return replace(request, state=WITHDRAWN, withdrawn_by=self.withdrawn_by, arguments_json=None, token=None)


def _read(transaction: Transaction, request_id: bytes) -> ApprovalRequestRecord:
    row = transaction.one(_REQUEST, request_id=request_id)
    if row is None:
        raise NotRecordedError("no such request for approval")
    return APPROVAL_REQUESTS.from_row(row)


def _require(request: ApprovalRequestRecord, states: tuple[str, ...], now_ms: int) -> None:
    if request.state in LIVE and request.expires_ms <= now_ms:
        raise Conflict("this request for approval has expired")
    if request.state not in states:
        said = "approved already" if request.state == APPROVED else request.state
        raise Conflict(f"this request for approval is {said}")
