"""Answers that an approver has signed: whether that is consent to what the request asks, and was signed for it."""

from __future__ import annotations

from delegation.core import limits
from delegation.core.approval import Approval
from delegation.core.attest import open_own_approval
from delegation.core.keys import key_id
from delegation.core.revocation import RevocationKind, RevocationState, revocation_key
from delegation.core.statement import SignedStatement
from delegation.errors import Conflict, PermissionDenied
from delegation.identity.port import Caller
from delegation.storage.approvals import ApprovalRequestRecord


def require_signed_answer(
    caller: Caller, record: ApprovalRequestRecord, statement: SignedStatement, *, revoked: RevocationState, now_ms: int
) -> None:
    """Require that an approver has signed consent to a request, for this request and now (T-48).

    Args:
        caller: the approver, with their keys.
        record: what is asked.
        statement: as it was received.
        revoked: what is revoked: the key may be.
        now_ms: the time.

    Raises:
        PermissionDenied: no key of theirs is listed.
        Refused: it is not signed by one of them, or says something that no approval says; the key is revoked.
        Conflict: it is consent to something else, or was not signed for this request.
    """
    if not caller.approval_keys:
        raise PermissionDenied("no key of this approver is listed: its operator can list it under approval_keys")
    approval = open_own_approval(statement, caller.approval_keys)
    key = next(key for key in caller.approval_keys if key_id(key) == statement.key_id)
    revoked.check(frozenset({revocation_key(RevocationKind.HOLDER_KEY, key)}))
    if _asked(approval) != _of(record) or approval.approver != caller.id:
        raise Conflict("what was signed is not consent to this request by this approver")
    _require_signed_for(approval, record, now_ms)


def _asked(approval: Approval) -> tuple[bytes, str, str, bytes, bytes]:
    return (approval.link_id, approval.audience, approval.tool, approval.arguments_digest, approval.policy_digest)


def _of(record: ApprovalRequestRecord) -> tuple[bytes, str, str, bytes, bytes]:
    return (record.link_id, record.audience, record.tool, record.arguments_digest, record.policy_digest)


def _require_signed_for(approval: Approval, record: ApprovalRequestRecord, now_ms: int) -> None:
    signed_ms = approval.approved_at_ms
    if not now_ms - limits.PROOF_PAST_MS <= signed_ms <= now_ms + limits.PROOF_FUTURE_MS:
        raise Conflict("what was signed was not signed now: sign again, and look at the clock of this machine")
    if signed_ms < record.requested_ms - limits.PROOF_FUTURE_MS:
        raise Conflict("what was signed was signed before anybody had asked: sign again")
    if approval.expires_at_ms > record.expires_ms:
        raise Conflict("what was signed counts for longer than the request")
