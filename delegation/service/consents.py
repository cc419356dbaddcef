"""Whether people have consented to a call: what its links' conditions and the operator's rules demand of approvals.

Asked inside the transaction of a decision. An approval counts only as the service has signed it, for this call, now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from delegation.core import limits
from delegation.core.approval import ApprovalDemand, Consenting, require_call_of, satisfied
from delegation.core.attest import open_approval
from delegation.core.revocation import RevocationKind, RevocationState, revocation_key
from delegation.core.trust import TrustBundle
from delegation.errors import Reason, Refused, Unauthenticated, refusal
from delegation.identity.port import KnownCallers, Role
from delegation.policy.port import Consent
from delegation.service.approval_records import is_principal, read_demands, statement_of
from delegation.service.call_in_session import CallInSession
from delegation.storage.approvals import ApprovalAnswerRecord
from delegation.storage.sessions import SessionView


class Consents:
    """Tells whether everything that is demanded of approvals is there.

    Args:
        trust: gives the trust bundle in use, whose statement keys sign approvals.
        callers: the approvers that are known now: who is no longer one has approved nothing.
        revoked: gives what is revoked: who is revoked as an agent has approved nothing, either.
    """

    def __init__(
        self, trust: Callable[[], TrustBundle], callers: KnownCallers, revoked: Callable[[], RevocationState]
    ) -> None:
        self._trust = trust
        self._callers = callers
        self._revoked = revoked

    def consented(
        self, call: CallInSession, view: SessionView, demands: tuple[Consent, ...], policy_digest: bytes
    ) -> bool:
        """Tell whether enough have consented to what a policy demands; as `Consented`."""
        return self._satisfied(demands_of_rules(demands), call, view, policy_digest)

    def unmet(self, call: CallInSession, view: SessionView, policy_digest: bytes) -> Refused | None:
        """Say which link's condition lacks consent; None if none does, or none demands any."""
        if not call.approvals:
            return None
        for demand in call.approvals:
            if not self._satisfied((demand,), call, view, policy_digest):
                pair = f"{call.tool.audience}.{call.tool.tool}"
                return refusal(
                    Reason.APPROVAL_REQUIRED, link_index=demand.link_index, field=pair, detail=demand.describe()
                )
        return None

    def _satisfied(
        self, demands: tuple[ApprovalDemand, ...], call: CallInSession, view: SessionView, policy_digest: bytes
    ) -> bool:
        given = view.approvals(policy_digest)
        if not given.answers or not set(demands).issubset(read_demands(given.demands)):
            return False  # they have consented to something less
        answers = [answer for answer in given.answers if self._counts(answer, call, policy_digest)]
        found = (self._consenting(answer, call) for answer in answers)
        return satisfied(demands, (each for each in found if each is not None))

    def _consenting(self, answer: ApprovalAnswerRecord, call: CallInSession) -> Consenting | None:
        try:
            approver = self._callers.find(answer.approver)
            self._revoked().check(frozenset({revocation_key(RevocationKind.AGENT, approver.id.encode())}))
        except (Unauthenticated, Refused):
            return None
        if not approver.has_role(Role.APPROVER):
            return None
        principal = call.chain.principal
        known = answer.is_principal or is_principal(approver, principal.issuer, principal.subject)
        return Consenting(answer.approver, known)

    def _counts(self, answer: ApprovalAnswerRecord, call: CallInSession, policy_digest: bytes) -> bool:
        try:
            approval = open_approval(statement_of(answer), self._trust(), now_ms=call.now_ms)
            require_call_of(
                approval,
                call.chain,
                audience=call.tool.audience,
                tool=call.tool.tool,
                arguments_digest=call.arguments_digest,
                now_ms=call.now_ms,
                leeway_ms=limits.PROOF_FUTURE_MS,
            )
        except Refused:
            return False
        return approval.approver == answer.approver and approval.policy_digest == policy_digest


def demands_of_rules(consents: Iterable[Consent]) -> tuple[ApprovalDemand, ...]:
    """Give what rules demand, as links' conditions are given."""
    return tuple(
        ApprovalDemand(consent.approvers, consent.threshold, consent.principal_may_approve, rule=consent.rule)
        for consent in consents
    )
