"""Approvals: a person's consent to one exact call under one exact chain (SPEC section 9.9).

Here is what an approval says, which call it is about, and what of them a call takes. That each is used once needs
state, and is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from delegation.core.chain import VerifiedChain
from delegation.core.conditions import ApprovalRequirement
from delegation.core.demands import asked_by
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal


class ApprovalLevel(StrEnum):
    """Who says that somebody has consented."""

    ATTESTED = "attested"
    """The service, which has authenticated them."""
    SIGNED = "signed"
    """They themselves, with a key of their own: who holds the service's keys cannot make one up."""


class Approval(NamedTuple):
    """Somebody has consented to a call; the service attests it, or they have signed it themselves.

    Attributes:
        link_id: the chain digest of the call, 32 bytes.
        audience: who serves the tool.
        tool: its name.
        arguments_digest: `Arguments.digest` of the call, 32 bytes.
        policy_digest: SHA-256 of the digests of policy and catalogue in force, or empty.
        approver: who has consented, as an `ApprovalRequirement` names them.
        approver_issuer: who vouches for the approver; empty if they have signed.
        authentication_strength: OIDC acr, or empty; empty if they have signed.
        approved_at_ms, expires_at_ms: from when until when it counts.
        nonce: 16 random bytes; it is used up with the call.
    """

    link_id: bytes
    audience: str
    tool: str
    arguments_digest: bytes
    policy_digest: bytes
    approver: str
    approver_issuer: str
    authentication_strength: str
    approved_at_ms: int
    expires_at_ms: int
    nonce: bytes


def require_approval_of(
    approval: Approval,
    requirement: ApprovalRequirement,
    chain: VerifiedChain,
    *,
    audience: str,
    tool: str,
    arguments_digest: bytes,
    now_ms: int,
) -> None:
    """Require that an approval is one of this call, now, by somebody whom the condition names (T-25).

    The nonce is the caller's to use up, in one atomic step with the decision. One approval is one of the
    `threshold` that the condition demands, all by different approvers.

    Args:
        approval: as `open_approval` gave it.
        requirement: the condition that demands approvals.
        chain: the verified chain that came with the call.
        audience: the verifier's own audience.
        tool: the tool that is about to run.
        arguments_digest: of the arguments it is about to run with.
        now_ms: the time.

    Raises:
        ConditionUnmet: CONDITION_UNMET.
    """
    require_call_of(approval, chain, audience=audience, tool=tool, arguments_digest=arguments_digest, now_ms=now_ms)
    if approval.approver not in requirement.approvers:
        raise refusal(Reason.CONDITION_UNMET, detail="the condition does not name the approver")


def require_call_of(
    approval: Approval,
    chain: VerifiedChain,
    *,
    audience: str,
    tool: str,
    arguments_digest: bytes,
    now_ms: int,
    leeway_ms: int = 0,
) -> None:
    """Require that an approval is one of this call, now, and not by an agent of its chain (T-25).

    With a leeway it counts so many ms sooner: whoever took the answer may have a clock that is ahead.

    Raises:
        ConditionUnmet: CONDITION_UNMET.
    """
    call = (chain.digest, audience, tool, arguments_digest)
    if (approval.link_id, approval.audience, approval.tool, approval.arguments_digest) != call:
        raise refusal(Reason.CONDITION_UNMET, detail="the approval is of another call")
    if not approval.approved_at_ms - leeway_ms <= now_ms < approval.expires_at_ms:
        raise refusal(Reason.CONDITION_UNMET, detail="the approval does not count now")
    if approval.approver in chain.agents:
        raise refusal(Reason.CONDITION_UNMET, detail="the approver is an agent of the chain")


class ApprovalDemand(NamedTuple):
    """Consent that one condition of a link, or one rule of the operator's, demands.

    Attributes:
        approvers: who may consent; empty: whoever the service lets answer.
        threshold: how many of them it takes, all different.
        principal_may_approve: whether the task's principal may be one of them.
        link_index: the link whose condition it is; None: a rule's.
        rule: the id of the operator's rule; empty for a condition.
        level: whether the service's word will do, or it takes the approvers' own signatures. A condition cannot say so.
    """

    approvers: tuple[str, ...]
    threshold: int
    principal_may_approve: bool = False
    link_index: int | None = None
    rule: str = ""
    level: ApprovalLevel = ApprovalLevel.ATTESTED

    def describe(self) -> str:
        """Say it in words."""
        if self.approvers:
            words = ApprovalRequirement(self.approvers, self.threshold).describe()
        else:
            words = f"approval by {self.threshold} of those who may approve"
        return f"{words}, signed with keys of their own" if self.level is ApprovalLevel.SIGNED else words


class Consenting(NamedTuple):
    """Somebody who consents: whether that is the principal of the task, and who says that they do."""

    approver: str
    is_principal: bool
    level: ApprovalLevel = ApprovalLevel.ATTESTED


def approval_demands_of(chain: VerifiedChain, audience: str, tool: str) -> tuple[ApprovalDemand, ...]:
    """Give what all links' conditions demand of approvals for a call, grant first; never the principal's own."""
    return tuple(
        ApprovalDemand(condition.approvers, condition.threshold, link_index=index)
        for index, condition, _ in asked_by(chain, audience, tool)
        if type(condition) is ApprovalRequirement
    )


def may_consent(demand: ApprovalDemand, who: Consenting) -> bool:
    """Tell whether somebody's consent counts for a demand. A signature of theirs is more than the service's word."""
    if demand.level is ApprovalLevel.SIGNED and who.level is not ApprovalLevel.SIGNED:
        return False
    if who.is_principal and not demand.principal_may_approve:
        return False
    return not demand.approvers or who.approver in demand.approvers


def satisfied(demands: Iterable[ApprovalDemand], consenting: Iterable[Consenting]) -> bool:
    """Tell whether every demand has the consent of enough different approvers.

    One approver's consent is to the call, and so counts for each demand that takes it.
    """
    given = tuple(consenting)
    return all(
        len({who.approver for who in given if may_consent(demand, who)}) >= max(1, demand.threshold)
        for demand in demands
    )
