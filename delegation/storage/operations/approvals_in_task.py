"""Approvals that calls of a group use up: each by one call. The lock of the task's session guards them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from delegation.core.limits import APPROVAL_LIFETIME_MS
from delegation.errors import StorageError
from delegation.storage.approvals import APPROVED, USED, ApprovalAnswerRecord, ApprovalRequestRecord, CallKey
from delegation.storage.preconditions import REVOCATION_KEPT_MS
from delegation.storage.queries import APPROVAL_ANSWERS_OF
from delegation.storage.rows import APPROVAL_ANSWERS, APPROVAL_REQUESTS
from delegation.storage.schema import APPROVAL_STANDS, approval_requests, approval_uses
from delegation.storage.sessions import NOBODY, Given
from delegation.storage.statements import Statement, of_keys

if TYPE_CHECKING:
    from collections.abc import Collection

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


_USED: Final = of_keys(sa.select(approval_uses.c.approval_digest), approval_uses.c.approval_digest)
_ADD_USE: Final = Statement(sa.insert(approval_uses))


class TaskApprovals:
    """What is approved, in one transaction; and what of it was used there."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._used: dict[bytes, bytes] = {}
        self._looked_at: dict[bytes, dict[bytes, int]] = {}
        self._used_up: set[bytes] = set()
        self._unwritten: dict[bytes, bytes] = {}

    def forget(self) -> None:
        """Forget what was read, and what was used and not written."""
        for known in (self._used, self._looked_at, self._used_up, self._unwritten):
            known.clear()

    def live(self, call: CallKey, policy_digest: bytes, now_ms: int) -> ApprovalRequestRecord | None:
        """Give the request for the approval of a call that can be answered or used."""
        row = self._transaction.one(_LIVE, **call._asdict(), policy_digest=policy_digest, now_ms=now_ms)
        request = None if row is None else APPROVAL_REQUESTS.from_row(row)
        return None if request is None or request.request_id in self._used else request

    def answers(self, request_id: bytes) -> tuple[ApprovalAnswerRecord, ...]:
        """Give the answers to a request, in their order."""
        return tuple(map(APPROVAL_ANSWERS.from_row, self._transaction.all(_ANSWERS, request_id=request_id)))

    def given(self, request_id: bytes, now_ms: int) -> tuple[ApprovalAnswerRecord, ...]:
        """Give the consents to a request that no call has used, in whatever request it found them."""
        found = {_digest(answer): answer for answer in self.answers(request_id) if answer.approve}
        used = self._used_up.union(self.used(found))
        unused = {digest: answer for digest, answer in found.items() if digest not in used}
        # An approval counts for so long at most, whatever its row says of it.
        self._looked_at[request_id] = dict.fromkeys(unused, now_ms + APPROVAL_LIFETIME_MS + REVOCATION_KEPT_MS)
        return tuple(unused.values())

    def was_used(self, answer: ApprovalAnswerRecord) -> bool:
        """Tell whether a call has used what an answer says."""
        return answer.approve and bool(self.used([_digest(answer)]))

    def used(self, digests: Collection[bytes]) -> frozenset[bytes]:
        """Tell which of these approvals calls have used."""
        if not digests:
            return frozenset()
        rows = self._transaction.rows_of(_USED, approval_digest=sorted(digests))
        return frozenset(bytes(digest) for (digest,) in rows)

    def use(self, request_id: bytes, call_id: bytes) -> None:
        """Note that a call uses what was approved."""
        self._used[request_id] = self._unwritten[request_id] = call_id
        self._used_up.update(self._looked_at.get(request_id, ()))

    def write(self) -> None:
        """Write what was used."""
        for request_id, call_id in self._unwritten.items():
            if self._transaction.change(_USE, of_request=request_id, by_call=call_id) != 1:
                raise StorageError("storage_unavailable", "an approval changed under the lock of its task")
            until = self._looked_at.get(request_id, {})
            if until:
                self._transaction.insert(_ADD_USE, [(digest, call_id, until_ms) for digest, until_ms in until.items()])
        self._unwritten.clear()


def _digest(answer: ApprovalAnswerRecord) -> bytes:
    """Tell one approval from all others by what was signed, in which there is a nonce; a signature has no one form."""
    return hashlib.sha256(answer.payload).digest()


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
        return Given(request.demands, self._approvals.given(request.request_id, self._step.now_ms))
