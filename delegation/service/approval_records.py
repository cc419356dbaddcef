"""A request for approval as it is kept, and as it is told; and who may have a part in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from delegation.core.approval import ApprovalDemand, ApprovalLevel, Consenting, may_consent, satisfied
from delegation.core.approval_request import ApprovalAnswer, ApprovalRequest, ApprovalState, ChainAgent
from delegation.core.chain import Principal, PrincipalBasis, VerifiedChain
from delegation.core.statement import SignedStatement, StatementKind
from delegation.identity.port import Caller, Role
from delegation.storage.approvals import (
    APPROVED,
    LIVE,
    PENDING,
    REFUSED,
    ApprovalAnswerRecord,
    ApprovalRequestRecord,
)

SEES_ALL: Final = frozenset({Role.AUDITOR, Role.OPERATOR})
_BEFORE_LEVEL: Final = ApprovalDemand._fields.index("level") - 1
_ACTS: Final = frozenset({Role.AGENT, Role.ORCHESTRATOR})
_HAS_A_PART: Final = frozenset({Role.AGENT, Role.ORCHESTRATOR, Role.APPROVER})


def agents_text(chain: VerifiedChain, now_ms: int) -> str:
    """Write who is in a chain, and for whom somebody vouches."""
    return json.dumps([[agent, chain.bound(index, now_ms)] for index, agent in enumerate(chain.agents)])


def demands_text(demands: Iterable[ApprovalDemand]) -> str:
    """Write what is demanded; the same demands, the same text."""
    return json.dumps([_written(demand) for demand in demands])


def _written(demand: ApprovalDemand) -> list[object]:
    """Write a demand; one for attested approvals as a program of the version before does, which reads no other."""
    return list(demand if demand.level is ApprovalLevel.SIGNED else demand[:-1])


def agents_of(record: ApprovalRequestRecord) -> tuple[ChainAgent, ...]:
    """Read who is in the chain."""
    return tuple(ChainAgent(agent, bound) for agent, bound in json.loads(record.agents))


def read_demands(text: str) -> tuple[ApprovalDemand, ...]:
    """Read what `demands_text` wrote."""
    return tuple(
        ApprovalDemand(tuple(approvers), *rest[:_BEFORE_LEVEL], *map(ApprovalLevel, rest[_BEFORE_LEVEL:]))
        for approvers, *rest in json.loads(text)
    )


def asks_again(refused: str, demands: str) -> bool:
    """Tell whether what was refused is asked about again, under whichever link of the task; as `AsksAgain`.

    Whoever hands the work on adds demands and takes none away: one that is the same is enough.
    """
    known = {demand._replace(link_index=None) for demand in read_demands(refused)}
    return any(demand._replace(link_index=None) in known for demand in read_demands(demands))


def told(
    record: ApprovalRequestRecord,
    answers: Iterable[ApprovalAnswerRecord],
    *,
    now_ms: int,
    with_arguments: bool = True,
) -> ApprovalRequest:
    """Give a request as it is told."""
    over = record.state in LIVE and record.expires_ms <= now_ms
    return ApprovalRequest(
        request_id=record.request_id,
        state=ApprovalState.EXPIRED if over else ApprovalState(record.state),
        task_id=record.task_id,
        link_id=record.link_id,
        audience=record.audience,
        tool=record.tool,
        arguments_digest=record.arguments_digest,
        arguments_json=(record.arguments_json or b"") if with_arguments and not over else b"",
        policy_digest=record.policy_digest,
        purpose=record.purpose,
        principal=Principal(record.principal_subject, record.principal_issuer, PrincipalBasis(record.principal_basis)),
        agents=agents_of(record),
        demands=read_demands(record.demands),
        requester=record.requester,
        requested_at_ms=record.requested_ms,
        expires_at_ms=record.expires_ms,
        answers=tuple(map(_answer, answers)),
        withdrawn_by=record.withdrawn_by,
        call_id=record.call_id or b"",
        token=(record.token or b"") if with_arguments and not over else b"",
    )


def _answer(record: ApprovalAnswerRecord) -> ApprovalAnswer:
    return ApprovalAnswer(
        approver=record.approver,
        approver_issuer=record.approver_issuer,
        authentication_strength=record.authentication_strength,
        approve=record.approve,
        justification=record.justification,
        answered_at_ms=record.answered_ms,
        approval=statement_of(record) if record.approve else None,
    )


def statement_of(record: ApprovalAnswerRecord) -> SignedStatement:
    """Give the approval as it was signed; what the row says of who has signed it, the signature proves."""
    kind = StatementKind.SIGNED_APPROVAL if _level(record) is ApprovalLevel.SIGNED else StatementKind.APPROVAL
    return SignedStatement(kind, record.key_id, record.payload, record.signature)


def _level(record: ApprovalAnswerRecord) -> ApprovalLevel:
    return ApprovalLevel.SIGNED if record.level == ApprovalLevel.SIGNED else ApprovalLevel.ATTESTED


def state_after(record: ApprovalRequestRecord, answers: tuple[ApprovalAnswerRecord, ...]) -> str:
    """Judge where a request stands after the last of its answers: one refusal ends it; as `StateAfter`."""
    if not all(answer.approve for answer in answers):
        return REFUSED
    given = (Consenting(answer.approver, answer.is_principal, _level(answer)) for answer in answers)
    return APPROVED if satisfied(read_demands(record.demands), given) else PENDING


def consenting(caller: Caller, record: ApprovalRequestRecord) -> Consenting:
    """Tell who a caller is to a request: whether it is the task's principal, by its id or by a token of its own.

    Who has a key of their own signs.
    """
    principal = is_principal(caller, record.principal_issuer, record.principal_subject)
    return Consenting(caller.id, principal, ApprovalLevel.SIGNED if caller.approval_keys else ApprovalLevel.ATTESTED)


def is_principal(caller: Caller, issuer: str, subject: str) -> bool:
    """Tell whether a caller is a principal: by its id, or by a token of its own."""
    return caller.id == subject or any(
        (holder.issuer, holder.subject) == (issuer, subject) for holder in caller.token_holders
    )


def has_a_part(caller: Caller, record: ApprovalRequestRecord) -> bool:
    """Tell whether a caller is an agent of the chain whose call it is, or has asked: then it does not answer."""
    return caller.id == record.requester or any(caller.id == each.agent for each in agents_of(record))


def may_approve(caller: Caller, record: ApprovalRequestRecord) -> bool:
    """Tell whether a consent of the caller's counts for anything that is demanded.

    Whoever acts as an agent, too, may stand in a chain under another name, unless all of its agents are vouched for.
    """
    if not caller.has_role(Role.APPROVER) or has_a_part(caller, record):
        return False
    if not caller.roles.isdisjoint(_ACTS) and not all(each.bound for each in agents_of(record)):
        return False
    who = consenting(caller, record)
    return any(may_consent(demand, who) for demand in read_demands(record.demands))


def takes_a_key(caller: Caller, record: ApprovalRequestRecord) -> bool:
    """Tell whether nothing but a key of their own is what a caller lacks to approve."""
    return not caller.approval_keys and may_approve(replace(caller, approval_keys=(b"any",)), record)


def may_refuse(caller: Caller, record: ApprovalRequestRecord) -> bool:
    """Tell whether the caller is among those who are asked: any of them may say no, whoever names them in a chain."""
    if not caller.has_role(Role.APPROVER):
        return False
    demands = read_demands(record.demands)
    return any(not demand.approvers or caller.id in demand.approvers for demand in demands)


def may_see(caller: Caller, record: ApprovalRequestRecord) -> bool:
    """Tell whether a request exists for a caller."""
    if caller.roles & SEES_ALL or may_refuse(caller, record):
        return True
    return has_a_part(caller, record) and not caller.roles.isdisjoint(_HAS_A_PART)
