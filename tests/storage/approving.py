"""Requests for approval, asked for and answered as the service does: for the storage tests."""

from __future__ import annotations

from delegation.core.approval import ApprovalDemand
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason, refusal
from delegation.storage.approvals import (
    APPROVED,
    PENDING,
    REFUSED,
    ApprovalAnswerRecord,
    ApprovalNeeds,
    ApprovalRequestRecord,
    CallKey,
)
from delegation.storage.sessions import SessionStep, Verdict
from storage.made import NOW_MS, PLANNER, READER, a_call, digest, next_id

DELETE = CatalogueTool("files", "delete", frozenset({Effect.DESTRUCTIVE}))
POLICY = digest("policy")
LIVES_MS = 60_000


def a_key(arguments="{}", **fields):
    return CallKey(digest("leaf"), "files", "delete", digest(arguments))._replace(**fields)


def judging(approvers=1, policy=b"", seen=None):
    """Judge as the service does: permit what enough have approved."""

    def judge(view):
        given = view.approvals(policy).answers
        if seen is not None:
            seen.append([answer.approver for answer in given])
        if len({answer.approver for answer in given}) < approvers:
            needs = ApprovalNeeds((ApprovalDemand(("ann", "ben"), approvers),), policy)
            return Verdict(refusal(Reason.APPROVAL_REQUIRED), needs=needs)
        return Verdict(None, view.session.after(DELETE))

    return judge


def a_step(task, key=None, *, judge=None, now_ms=NOW_MS):
    judge = judge or judging()
    call = key or a_key(link_id=task.grant_link_id)
    return SessionStep(task.task_id, task.expires_ms, (PLANNER, READER), (), judge, now_ms, call=call)


def making(task, key=None, **fields):
    key = key or a_key(link_id=task.grant_link_id)

    def make(needs):
        made = {
            "request_id": next_id(),
            "task_id": task.task_id,
            **key._asdict(),
            "policy_digest": needs.policy_digest,
            "arguments_json": b"{}",
            "purpose": task.purpose,
            "principal_subject": task.principal_subject,
            "principal_issuer": task.principal_issuer,
            "principal_basis": task.principal_basis,
            "agents": "[]",
            "demands": str(needs.demands),
            "requester": READER,
            "requested_ms": NOW_MS,
            "expires_ms": NOW_MS + LIVES_MS,
            "task_expires_ms": task.expires_ms,
        }
        return ApprovalRequestRecord(**made | fields)

    return make


def an_answer(request, approver="ann", *, approve=True, **fields):
    made = {
        "approver_issuer": "https://id.example.org",
        "authentication_strength": "2",
        "is_principal": False,
        "justification": "I looked",
        "answered_ms": NOW_MS + 1,
        "key_id": digest("key")[:16] if approve else b"",
        "payload": b"payload" + request.request_id + approver.encode() if approve else b"",
        "signature": b"signature" if approve else b"",
    }
    return ApprovalAnswerRecord(request.request_id, approver, approve=approve, **made | fields)


def enough(threshold=1):
    def state_after(request, answers):
        if not answers[-1].approve:
            return REFUSED
        return APPROVED if len(answers) >= threshold else PENDING

    return state_after


async def opened(storage, task, key=None, **fields):
    judge = fields.pop("judge", None)
    request = (await storage.open_approval(a_step(task, key, judge=judge), making(task, key, **fields))).request
    assert request is not None
    return request


async def approved(storage, task, key=None, **fields):
    request = await opened(storage, task, key, **fields)
    return await storage.answer_approval(request, an_answer(request), enough())


async def decided(storage, step, **proof):
    return await storage.decide_in_session(a_call(), step, **proof)
