"""RequestApproval: open a request for people's consent to a call, if its chain permits it and nothing else is lacking.

Checked as the call itself will be, so that approvers are not asked about what would be refused anyway.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from delegation.core import limits
from delegation.core.approval_request import ApprovalRequest
from delegation.core.chain import VerifiedChain
from delegation.core.declaration import Declaration
from delegation.errors import DelegationError, Overloaded, Reason, refusal
from delegation.identity.port import Caller
from delegation.policy.port import ObligationKind
from delegation.service.approval_records import agents_text, asks_again, demands_text, told
from delegation.service.consents import Consents
from delegation.service.decision_point import asked_first
from delegation.service.ids import Clock, Random, time_ordered_id
from delegation.service.judging import Judging
from delegation.service.question import Question
from delegation.storage.approvals import ApprovalAnswerRecord, ApprovalNeeds, ApprovalRequestRecord, CallKey
from delegation.storage.port import Storage
from delegation.storage.refused_writes import TooManyOpenError

_ALL_OBLIGATIONS: Final = frozenset(map(str, ObligationKind))
"""What a tool promises to do is the tool's to say, when it is called."""

ARGUMENTS_BYTES: Final = 64 * 1024
"""Of a call that people shall consent to: nobody reads more."""


class RequestApproval:
    """Opens requests.

    Args:
        storage: keeps them.
        judging: judges the call, as far as that goes without its state.
        consents: tells whether what is approved still counts.
        opened: called when a request was opened.
        said_of: gives what whoever serves a tool has said of it; by audience and name.
        now_ms: the time.
        random: for the requests' ids.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        judging: Judging,
        consents: Consents,
        said_of: Callable[[str, str], Awaitable[Declaration]],
        opened: Callable[[], None],
        now_ms: Clock,
        random: Random,
    ) -> None:
        self._storage = storage
        self._said_of = said_of
        self._judging = judging
        self._consents = consents
        self._note = opened
        self._now_ms = now_ms
        self._random = random

    async def __call__(self, caller: Caller, question: Question) -> ApprovalRequest | None:
        """Open a request, or give the one that is open, or approved, for this call; None: it needs no approval.

        Args:
            caller: whoever asks; the proof shows that it is for the leaf's holder.
            question: the call. Its proof is not used up.

        Raises:
            Refused: the call is refused whoever approves it.
            Overloaded: too many requests of its task are open.
        """
        declared = await self._said_of(question.audience, question.tool)
        return await self._opened(replace(question, fulfils=_ALL_OBLIGATIONS, declared=declared), caller.id)

    async def after_refusal(self, question: Question) -> bytes:
        """Open a request for a call that was refused for want of approval, as if its agent had asked.

        Returns the request's id; empty if none could be opened, which leaves the refusal what it is.
        """
        try:
            request = await self._opened(question, requester="")
        except DelegationError:
            return b""
        return request.request_id if request else b""

    async def _opened(self, question: Question, requester: str) -> ApprovalRequest | None:
        now_ms = self._now_ms()
        if len(question.arguments_json) > ARGUMENTS_BYTES:
            raise refusal(Reason.ARGUMENTS_TOO_LARGE, detail="nobody reads arguments of this size to approve them")
        examined = await self._judging.examine(question, now_ms)
        if examined.refusal is not None:
            raise examined.refusal
        if examined.step is None or examined.chain is None:
            return None
        chain, digest, step = examined.chain, examined.arguments_digest, examined.step
        call = CallKey(chain.digest, question.audience, question.tool, digest)

        def make(needs: ApprovalNeeds) -> ApprovalRequestRecord:
            return self._record(
                requester or chain.leaf.holder_agent,
                chain,
                call,
                needs,
                arguments_json=question.arguments_json,
                token=question.token,
                now_ms=now_ms,
            )

        def still_counts(request: ApprovalRequestRecord, consents: tuple[ApprovalAnswerRecord, ...]) -> bool:
            return self._consents.stands(chain, call, request, consents, now_ms)

        try:
            opened = await asked_first(lambda: self._storage.open_approval(step, make, asks_again, still_counts))
        except TooManyOpenError as error:
            raise Overloaded(str(error)) from None
        if opened.refusal is not None:
            raise opened.refusal
        if opened.request is None:
            return None
        self._note()
        answers = await self._storage.approval_answers(opened.request.request_id)
        return told(opened.request, answers, now_ms=now_ms)

    def _record(
        self,
        requester: str,
        chain: VerifiedChain,
        call: CallKey,
        needs: ApprovalNeeds,
        *,
        arguments_json: bytes,
        token: bytes,
        now_ms: int,
    ) -> ApprovalRequestRecord:
        principal = chain.principal
        return ApprovalRequestRecord(
            request_id=time_ordered_id(now_ms, self._random),
            task_id=chain.task_id,
            link_id=call.link_id,
            audience=call.audience,
            tool=call.tool,
            arguments_digest=call.arguments_digest,
            policy_digest=needs.policy_digest,
            arguments_json=arguments_json,
            purpose=chain.purpose,
            principal_subject=principal.subject,
            principal_issuer=principal.issuer,
            principal_basis=str(principal.basis),
            agents=agents_text(chain, now_ms),
            demands=demands_text(needs.demands),
            requester=requester,
            requested_ms=now_ms,
            expires_ms=min(now_ms + limits.APPROVAL_LIFETIME_MS, chain.expires_at_ms),
            task_expires_ms=chain.links[0].link.expires_at_ms,
            holder=chain.agents[0],
            token=token,
        )
