"""What is told of a request for approval: the call that it is about, what it takes, and the answers.

Values only. Nothing is decided from them: the service decides where it keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from delegation.core.approval import ApprovalDemand, ApprovalLevel
from delegation.core.chain import Principal
from delegation.core.named_tuple import NamedTuple
from delegation.core.statement import SignedStatement, StatementKind


class ApprovalState(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    """It can be answered."""
    APPROVED = "approved"
    """Enough have approved; the call has not been made."""
    REFUSED = "refused"
    """Somebody has refused."""
    WITHDRAWN = "withdrawn"
    """It was taken back, or replaced by one that demands something else."""
    EXPIRED = "expired"
    """It has expired, approved or not."""
    USED = "used"
    """The call was permitted: what was approved is used up."""


class ChainAgent(NamedTuple):
    """An agent of the chain, and whether anybody but the link before it says so."""

    agent: str
    bound: bool


@dataclass(frozen=True, slots=True)
class ApprovalAnswer:
    """One approver's answer.

    Attributes:
        approver: who has answered.
        approver_issuer: who vouches for the approver.
        authentication_strength: OIDC acr; may be empty.
        approve: whether they approve.
        justification: why.
        answered_at_ms: when.
        approval: the `Approval` as the service, or the approver, has signed it; None in a refusal.
    """

    approver: str
    approver_issuer: str
    authentication_strength: str
    approve: bool
    justification: str
    answered_at_ms: int
    approval: SignedStatement | None = None

    @property
    def level(self) -> ApprovalLevel | None:
        """Who says that they approve; None in a refusal, for which the service's word is enough."""
        return level_of(self.approval.kind) if self.approval else None


def level_of(kind: StatementKind) -> ApprovalLevel:
    """Tell who says that somebody approves, by the kind of statement that says it."""
    return ApprovalLevel.SIGNED if kind is StatementKind.SIGNED_APPROVAL else ApprovalLevel.ATTESTED


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """A request for the approval of one call under one chain.

    Attributes:
        request_id: 16 bytes.
        state: where it stands.
        task_id: 16 bytes.
        link_id: the chain digest, 32 bytes.
        audience, tool: what is called.
        arguments_digest: `Arguments.digest`, 32 bytes.
        arguments_json: the arguments, as long as the request can be answered; then empty.
        policy_digest: of the policy and catalogue in force, 32 bytes; empty if there is none.
        purpose: the grant's; somebody's words.
        principal: on whose behalf.
        agents: of the chain, the grant's holder first.
        demands: what it takes, all of it.
        requester: who has asked.
        requested_at_ms, expires_at_ms: from when until when it counts.
        answers: in their order.
        withdrawn_by: who has withdrawn it; may be empty.
        call_id: the call that has used it up, 16 bytes; empty if none has.
        token: the chain, whose last link has the link id; as long as the arguments are there.
    """

    request_id: bytes
    state: ApprovalState
    task_id: bytes
    link_id: bytes
    audience: str
    tool: str
    arguments_digest: bytes
    arguments_json: bytes = field(repr=False)
    policy_digest: bytes
    purpose: str
    principal: Principal
    agents: tuple[ChainAgent, ...]
    demands: tuple[ApprovalDemand, ...]
    requester: str
    requested_at_ms: int
    expires_at_ms: int
    answers: tuple[ApprovalAnswer, ...] = ()
    withdrawn_by: str = ""
    call_id: bytes = b""
    token: bytes = field(default=b"", repr=False)
