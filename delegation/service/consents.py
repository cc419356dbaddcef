"""Whether people have consented to a call: what its links' conditions and the operator's rules demand of approvals.

Asked inside the transaction of a decision. An approval counts only as the service or the approver has signed it, for
this call, now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from delegation.core import limits
from delegation.core.approval import Approval, ApprovalDemand, ApprovalLevel, Consenting, require_call_of, satisfied
from delegation.core.attest import open_approval, open_own_approval
from delegation.core.chain import VerifiedChain
from delegation.core.keys import key_id
from delegation.core.revocation import RevocationKind, RevocationState, revocation_key
from delegation.core.trust import TrustBundle
from delegation.errors import PermissionDenied, Reason, Refused, Unauthenticated, refusal
from delegation.identity.port import Caller, KnownCallers, Role
from delegation.policy.port import Consent
from delegation.service.approval_records import is_principal, read_demands, statement_of
from delegation.service.call_in_session import CallInSession
from delegation.storage.approvals import ApprovalAnswerRecord, ApprovalRequestRecord, CallKey
from delegation.storage.sessions import SessionView


class _Asked(NamedTuple):
    """A call that people are asked about."""

    chain: VerifiedChain
    call: CallKey
    now_ms: int
    policy_digest: bytes


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

    def stands(
        self,
        chain: VerifiedChain,
        call: CallKey,
        request: ApprovalRequestRecord,
        consents: tuple[ApprovalAnswerRecord, ...],
        now_ms: int,
    ) -> bool:
        """Tell whether what was approved lets its call pass, now or in a moment: the answers' clock may be ahead.

        Where it does not, since an approver is none any more, say, people have to be asked anew.
        """
        soon_ms = max([now_ms, *(answer.answered_ms for answer in consents)])
        demands = read_demands(request.demands)
        return satisfied(demands, self._consenting(consents, _Asked(chain, call, soon_ms, request.policy_digest)))

    def _satisfied(
        self, demands: tuple[ApprovalDemand, ...], call: CallInSession, view: SessionView, policy_digest: bytes
    ) -> bool:
        given = view.approvals(policy_digest)
        if not given.answers or not set(demands).issubset(read_demands(given.demands)):
            return False  # they have consented to something less
        key = CallKey(call.chain.digest, call.tool.audience, call.tool.tool, call.arguments_digest)
        return satisfied(demands, self._consenting(given.answers, _Asked(call.chain, key, call.now_ms, policy_digest)))

    def _consenting(self, answers: Iterable[ApprovalAnswerRecord], asked: _Asked) -> Iterator[Consenting]:
        for answer in answers:
            try:
                yield self._consent(answer, asked)
            except (Unauthenticated, PermissionDenied, Refused):
                continue

    def _consent(self, answer: ApprovalAnswerRecord, asked: _Asked) -> Consenting:
        """Give who has consented by an answer. Raises unless they may, and have consented to just this."""
        approver = self._callers.find(answer.approver)
        approver.require_role(Role.APPROVER)
        self._revoked().check(frozenset({revocation_key(RevocationKind.AGENT, approver.id.encode())}))
        approval, level = self._opened(answer, approver, asked.now_ms)
        require_call_of(
            approval,
            asked.chain,
            audience=asked.call.audience,
            tool=asked.call.tool,
            arguments_digest=asked.call.arguments_digest,
            now_ms=asked.now_ms,
            leeway_ms=limits.PROOF_FUTURE_MS,
        )
        if (approval.approver, approval.policy_digest) != (answer.approver, asked.policy_digest):
            raise refusal(Reason.CONDITION_UNMET, detail="the approval is somebody else's, or under another policy")
        principal = asked.chain.principal
        known = answer.is_principal or is_principal(approver, principal.issuer, principal.subject)
        return Consenting(answer.approver, known, level)

    def _opened(self, answer: ApprovalAnswerRecord, approver: Caller, now_ms: int) -> tuple[Approval, ApprovalLevel]:
        """Open what was signed. Of who has a key the service's word does not count: it would protect nothing."""
        statement = statement_of(answer)
        if not approver.approval_keys:
            return open_approval(statement, self._trust(), now_ms=now_ms), ApprovalLevel.ATTESTED
        approval = open_own_approval(statement, approver.approval_keys)
        key = next(key for key in approver.approval_keys if key_id(key) == statement.key_id)
        self._revoked().check(frozenset({revocation_key(RevocationKind.HOLDER_KEY, key)}))
        return approval, ApprovalLevel.SIGNED


def demands_of_rules(consents: Iterable[Consent]) -> tuple[ApprovalDemand, ...]:
    """Give what rules demand, as links' conditions are given."""
    return tuple(
        ApprovalDemand(
            consent.approvers,
            consent.threshold,
            consent.principal_may_approve,
            rule=consent.rule,
            level=consent.level,
        )
        for consent in consents
    )
