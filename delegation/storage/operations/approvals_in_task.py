"""Approvals that calls of a group use up: each by one call. The lock of the task's session guards them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from delegation.errors import StorageError
from delegation.storage.approvals import APPROVED, USED, ApprovalAnswerRecord, ApprovalRequestRecord, CallKey
from delegation.storage.queries import APPROVAL_ANSWERS_OF
from delegation.storage.rows import APPROVAL_ANSWERS, APPROVAL_REQUESTS
from delegation.storage.schema import APPROVAL_STANDS, approval_requests
from delegation.storage.sessions import NOBODY, Given
from delegation.storage.statements import Statement

if TYPE_CHECKING:
    from delegation.storage.operations.operation import Transaction
    from delegation.storage.sessions import SessionStep

_LIVE: Final = Statement(
    APPROVAL_REQUESTS.select()
    .where(
        approval_requests.c.link_id == sa.bindparam("link_id"),
        approval_requests.c.audience == sa.bindparam("audience"),
        approval_requests.c.tool == sa.bindparam("tool"),
        approval_requests.c.arguments_digest == sa.bindparam("arguments_digest"),
        approval_requests.c.policy_digest == sa.bindparam("policy_digest"),
        APPROVAL_STANDS,
        approval_requests.c.expires_ms > sa.bindparam("now_ms"),
    )
    .order_by(approval_requests.c.request_id.desc())
    .limit(1)
)
_ANSWERS: Final = Statement(APPROVAL_ANSWERS_OF)
_USE: Final = Statement(
    sa.update(approval_requests)
    .where(approval_requests.c.request_id == sa.bindparam("of_request"), approval_requests.c.state == APPROVED)
    .values(state=USED, call_id=sa.bindparam("by_call"))
)


class TaskApprovals:
    """What is approved, in one transaction; and what of it was used there."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._used: dict[bytes, bytes] = {}
        self._unwritten: dict[bytes, bytes] = {}

    def forget(self) -> None:
        """Forget what was used and not written."""
        self._used.clear()
        self._unwritten.clear()

    def live(self, call: CallKey, policy_digest: bytes, now_ms: int) -> ApprovalRequestRecord | None:
        """Give the request for the approval of a call that can be answered or used."""
        row = self._transaction.one(_LIVE, **call._asdict(), policy_digest=policy_digest, now_ms=now_ms)
        request = None if row is None else APPROVAL_REQUESTS.from_row(row)
        return None if request is None or request.request_id in self._used else request

    def answers(self, request_id: bytes) -> tuple[ApprovalAnswerRecord, ...]:
        """Give the answers to a request, in their order."""
        return tuple(map(APPROVAL_ANSWERS.from_row, self._transaction.all(_ANSWERS, request_id=request_id)))

    def use(self, request_id: bytes, call_id: bytes) -> None:
        """Note that a call uses what was approved."""
        self._used[request_id] = self._unwritten[request_id] = call_id

    def write(self) -> None:
        """Write what was used."""
        for request_id, call_id in self._unwritten.items():
            if self._transaction.change(_USE, of_request=request_id, by_call=call_id) != 1:
                raise StorageError("storage_unavailable", "an approval changed under the lock of its task")
        self._unwritten.clear()


class LookedAt:
    """The approvals of one call, for whoever judges it: read when they are asked for.

    Attributes:
        request: what was found last, approved; a call that is permitted uses it up.
        trouble: why it could not be read. Whoever judges may take that for a reason to refuse, but there is no decision
            then: the database may take no more of this transaction.
    """

    def __init__(self, approvals: TaskApprovals, step: SessionStep) -> None:
        self._approvals = approvals
        self._step = step
        self.request: ApprovalRequestRecord | None = None
        self.trouble: Exception | None = None

    def __call__(self, policy_digest: bytes) -> Given:
        """Give who has approved the call under a policy."""
        try:
            return self._approvals_under(policy_digest)
        except Exception as error:
            self.trouble = error
            raise

    def _approvals_under(self, policy_digest: bytes) -> Given:
        if self._step.call is None:
            return NOBODY
        request = self._approvals.live(self._step.call, policy_digest, self._step.now_ms)
        if request is None or request.state != APPROVED:
            return NOBODY
        self.request = request
        answers = self._approvals.answers(request.request_id)
        return Given(request.demands, tuple(answer for answer in answers if answer.approve))
