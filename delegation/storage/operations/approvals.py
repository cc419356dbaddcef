"""Writes about requests for approval: opened, answered, withdrawn, all under the lock of their task's session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

import sqlalchemy as sa

from delegation.errors import Conflict
from delegation.storage.approvals import (
    APPROVED,
    LIVE,
    OPEN_IN_A_TASK,
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
_COUNTED: Final = Statement(
    sa.select(
        sa.func.count(),
        sa.func.count().filter(
            approval_requests.c.state == PENDING, approval_requests.c.expires_ms > sa.bindparam("now_ms")
        ),
    )
    .select_from(approval_requests)
    .where(approval_requests.c.task_id == sa.bindparam("task_id"))
)
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
    .values(state=sa.bindparam("to_state"), withdrawn_by=sa.bindparam("by_whom"), arguments_json=sa.null())
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
            if standing.demands == request.demands:
                # Approved, and the call is refused all the same: by another clock it may count in a moment.
                return OpenedApproval(standing)
            # It takes something else by now.
            _set_state(transaction, standing, WITHDRAWN)
        known = self._refused(transaction, request)
        refused = [each for each in known if self.asks_again(each.demands, request.demands)]
        if refused:  # who is refused does not ask until somebody consents, nor under another link of the task
            return OpenedApproval(max(refused, key=lambda each: each.request_id))
        self._require_room(transaction, request.task_id)
        transaction.insert(_ADD_REQUEST, [APPROVAL_REQUESTS.to_row(request)])
        return OpenedApproval(request)

    def _require_room(self, transaction: Transaction, task_id: bytes) -> None:
        in_all, is_open = transaction.one(_COUNTED, task_id=task_id, now_ms=self.step.now_ms) or (0, 0)
        if is_open >= OPEN_IN_A_TASK:
            raise TooManyOpenError(f"{is_open} requests of this task can be answered already: withdraw one, or wait")
        if in_all >= REQUESTS_OF_A_TASK:
            raise TooManyOpenError(f"this task has opened {in_all} requests, and no task opens more")

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
        _require(request, (PENDING,), self.answer.answered_ms)
        transaction.insert(_ADD_ANSWER, [APPROVAL_ANSWERS.to_row(self.answer)])
        state = self.state_after(request, (*earlier, self.answer))
        if state == PENDING:
            return request
        _set_state(transaction, request, state)
        return replace(request, state=state, arguments_json=None)


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
        return replace(request, state=WITHDRAWN, withdrawn_by=self.withdrawn_by, arguments_json=None)


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
