"""Approvals: a person's consent to one exact call under one exact chain (SPEC section 9.9).

Here is what an approval says and which call it is about. That it is used once needs state, and is not decided here;
and no condition is met by an approval in this version (A-2).
"""

from __future__ import annotations

from delegation.core.chain import VerifiedChain
from delegation.core.conditions import ApprovalRequirement
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal


class Approval(NamedTuple):
    """Somebody has consented to a call; the service attests it.

    Attributes:
        link_id: the chain digest of the call, 32 bytes.
        audience: who serves the tool.
        tool: its name.
        arguments_digest: `Arguments.digest` of the call, 32 bytes.
        policy_digest: SHA-256 of the policy that demanded the approval, or empty.
        approver: who has consented, as an `ApprovalRequirement` names them.
        approver_issuer: who vouches for the approver.
        authentication_strength: OIDC acr, or empty.
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
    call = (chain.digest, audience, tool, arguments_digest)
    if (approval.link_id, approval.audience, approval.tool, approval.arguments_digest) != call:
        raise refusal(Reason.CONDITION_UNMET, detail="the approval is of another call")
    if not approval.approved_at_ms <= now_ms < approval.expires_at_ms:
        raise refusal(Reason.CONDITION_UNMET, detail="the approval does not count now")
    if approval.approver not in requirement.approvers:
        raise refusal(Reason.CONDITION_UNMET, detail="the condition does not name the approver")
    if approval.approver in chain.agents:
        raise refusal(Reason.CONDITION_UNMET, detail="the approver is an agent of the chain")
