"""Requests for approval: looked at, answered and withdrawn by those who may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from delegation.core import limits
from delegation.core.approval import Approval
from delegation.core.approval_chain import require_shown
from delegation.core.approval_request import ApprovalRequest, level_of
from delegation.core.attest import sign_approval
from delegation.core.keys import Signer
from delegation.core.revocation import RevocationKind, revocation_key
from delegation.core.statement import SignedStatement
from delegation.errors import Conflict, NotFound, PermissionDenied, Refused
from delegation.identity.port import Caller, Role
from delegation.service.approval_records import (
    SEES_ALL,
    consenting,
    has_a_part,
    may_approve,
    may_refuse,
    may_see,
    state_after,
    takes_a_key,
    told,
)
from delegation.service.feed import RevocationFeed
from delegation.service.ids import Clock, Random
from delegation.service.signed_answers import require_signed_answer
from delegation.storage.approvals import PENDING, ApprovalAnswerRecord, ApprovalFilter, ApprovalRequestRecord
from delegation.storage.port import Storage

_AT_A_TIME: Final = 100
_NOT_ONES_OWN: Final = (
    "nobody consents to what is done by themselves or in their name: the caller has asked, is or may be an agent of the"
    " chain, or is the task's principal"
)
_NO_KEY: Final = (
    "only a consent that is signed counts here: make a key with `delegation approvals make-key`, and have the operator"
    " list it under approval_keys"
)
_UNSIGNED: Final = (
    "this approver has a key, and what is not signed with it is no approval: sign it (`approve --key DIR`)"
)
_LOOKED_AT: Final = 2_000
"""Requests that one page of a list looks at: of these some may not be the caller's to see."""


class Approvals:
    """The requests for approval.

    Args:
        storage: keeps them.
        feed: says who is revoked.
        statement_key: signs what was approved.
        changed: called when a request has changed.
        now_ms: the time.
        random: for nonces.
    """

    def __init__(
        self,
        storage: Storage,
        feed: RevocationFeed,
        *,
        statement_key: Signer,
        changed: Callable[[], None],
        now_ms: Clock,
        random: Random,
    ) -> None:
        self._storage = storage
        self._feed = feed
        self._statement_key = statement_key
        self._changed = changed
        self._now_ms = now_ms
        self._random = random

    async def one(self, caller: Caller, request_id: bytes) -> ApprovalRequest:
        """Give one request.

        Raises:
            NotFound: there is none, or not for this caller.
        """
        return await self._told(caller, await self._seen(caller, request_id))

    async def list(
        self, caller: Caller, *, pending_only: bool, task_id: bytes | None, cursor: bytes | None, limit: int
    ) -> tuple[tuple[ApprovalRequest, ...], bytes | None]:
        """List the requests that a caller may see, newest first, without arguments; and where to go on.

        Agents without a task's id are listed what they have asked for themselves.
        """
        now_ms = self._now_ms()
        which = ApprovalFilter(
            task_id=task_id,
            requester=None if task_id or caller.roles & (SEES_ALL | {Role.APPROVER}) else caller.id,
            pending_at_ms=now_ms if pending_only else None,
        )
        found: list[ApprovalRequestRecord] = []
        for _ in range(0, _LOOKED_AT, _AT_A_TIME):
            page = await self._storage.approval_requests(which, cursor=cursor, limit=_AT_A_TIME)
            for record in page.items:
                cursor = record.request_id
                if may_see(caller, record):
                    found.append(record)
                if len(found) == limit:
                    is_last = page.next_cursor is None and record is page.items[-1]
                    return await self._told_all(found, now_ms), None if is_last else cursor
            if page.next_cursor is None:
                return await self._told_all(found, now_ms), None
        return await self._told_all(found, now_ms), cursor

    async def answer(
        self,
        caller: Caller,
        request_id: bytes,
        *,
        arguments_digest: bytes,
        approve: bool,
        justification: str,
        signed: SignedStatement | None = None,
    ) -> ApprovalRequest:
        """Approve or refuse.

        Args:
            caller: an approver.
            request_id: which request.
            arguments_digest: of the arguments that the approver has seen.
            approve: whether they consent.
            justification: why, for the record and for whoever has asked.
            signed: the approval, as the approver has signed it; of who has a key listed nothing else is one.

        Raises:
            PermissionDenied: the caller is no approver, or is not asked; or approves what is its own: as an agent of
                the chain, as whoever has asked, as the principal; or approves without a signature where it takes one.
            Refused: what was signed is no approval, or not by a key of theirs.
            Revoked: the caller is revoked as an agent, or the key is.
            NotFound: there is no such request, or not for this caller.
            Conflict: it cannot be answered any more, the caller has answered otherwise, or has seen other arguments; or
                it shows another chain than it is about.
            ServiceUnavailable: there is no key to sign with.
        """
        caller.require_role(Role.APPROVER)
        record = await self._seen(caller, request_id)
        if not may_refuse(caller, record):
            raise PermissionDenied("the caller is not among those who are asked for this approval")
        if approve and not may_approve(caller, record):
            raise PermissionDenied(_NO_KEY if takes_a_key(caller, record) else _NOT_ONES_OWN)
        if arguments_digest != record.arguments_digest:
            raise Conflict("the request is about other arguments than those that were seen")
        if approve and record.state == PENDING:
            _require_shown(record)
        self._feed.state.check(frozenset({revocation_key(RevocationKind.AGENT, caller.id.encode())}))
        now_ms = self._now_ms()
        if now_ms >= record.expires_ms:
            raise Conflict("this request for approval has expired")
        statement = self._statement(caller, record, signed, now_ms) if approve else None
        answer = _answer(caller, record, now_ms, statement=statement, justification=justification)
        after = await self._storage.answer_approval(record, answer, state_after)
        self._changed()
        return await self._told(caller, after)

    async def withdraw(self, caller: Caller, request_id: bytes) -> ApprovalRequest:
        """Take a request back, as whoever has asked, an agent of its chain, or an operator.

        Raises:
            NotFound: there is no such request, or not for this caller.
            PermissionDenied: the caller is none of these.
            Conflict: it is over.
        """
        record = await self._seen(caller, request_id)
        if not (has_a_part(caller, record) or caller.has_role(Role.OPERATOR)):
            raise PermissionDenied("a request is withdrawn by whoever has asked, an agent of its chain, or an operator")
        withdrawn = await self._storage.withdraw_approval(record, withdrawn_by=caller.id, now_ms=self._now_ms())
        self._changed()
        return await self._told(caller, withdrawn)

    async def _seen(self, caller: Caller, request_id: bytes) -> ApprovalRequestRecord:
        record = await self._storage.approval_request(request_id)
        if record is None or not may_see(caller, record):
            raise NotFound("no such request for approval, or not for this caller to see")
        return record

    async def _told_all(self, records: Sequence[ApprovalRequestRecord], now_ms: int) -> tuple[ApprovalRequest, ...]:
        answers = await self._storage.answers_of_approvals([record.request_id for record in records])
        return tuple(
            told(record, answers[record.request_id], now_ms=now_ms, with_arguments=False) for record in records
        )

    async def _told(self, caller: Caller, record: ApprovalRequestRecord) -> ApprovalRequest:
        answers = await self._storage.approval_answers(record.request_id)
        # What is called with what is for those who are asked, and those who have asked: auditors have the digest.
        concerned = has_a_part(caller, record) or may_refuse(caller, record)
        return told(record, answers, now_ms=self._now_ms(), with_arguments=concerned)

    def _statement(
        self, caller: Caller, record: ApprovalRequestRecord, signed: SignedStatement | None, now_ms: int
    ) -> SignedStatement:
        """Give what says that a caller consents: what they have signed, or, if they have no key, what is attested."""
        if signed is not None:
            require_signed_answer(caller, record, signed, revoked=self._feed.state, now_ms=now_ms)
            return signed
        if caller.approval_keys:
            raise PermissionDenied(_UNSIGNED)
        return sign_approval(self._approval(caller, record, now_ms), self._statement_key)

    def _approval(self, caller: Caller, record: ApprovalRequestRecord, now_ms: int) -> Approval:
        return Approval(
            link_id=record.link_id,
            audience=record.audience,
            tool=record.tool,
            arguments_digest=record.arguments_digest,
            policy_digest=record.policy_digest,
            approver=caller.id,
            approver_issuer=caller.voucher,
            authentication_strength=caller.authentication_strength,
            approved_at_ms=now_ms,
            expires_at_ms=min(record.expires_ms, now_ms + limits.APPROVAL_LIFETIME_MS),
            nonce=self._random(limits.NONCE_BYTES),
        )


def _answer(
    caller: Caller,
    record: ApprovalRequestRecord,
    now_ms: int,
    *,
    statement: SignedStatement | None,
    justification: str,
) -> ApprovalAnswerRecord:
    return ApprovalAnswerRecord(
        request_id=record.request_id,
        approver=caller.id,
        approver_issuer=caller.voucher,
        authentication_strength=caller.authentication_strength,
        is_principal=consenting(caller, record).is_principal,
        approve=statement is not None,
        justification=justification,
        answered_ms=now_ms,
        key_id=statement.key_id if statement else b"",
        payload=statement.payload if statement else b"",
        signature=statement.signature if statement else b"",
        level=str(level_of(statement.kind)) if statement else None,
    )


def _require_shown(record: ApprovalRequestRecord) -> None:
    """Require that what approvers are shown of a chain is what its links say, which hash to the link id (A-25)."""
    try:
        require_shown(told(record, (), now_ms=record.requested_ms))
    except Refused:
        raise Conflict("what this request shows of its chain is not what the chain says: ask anew") from None
