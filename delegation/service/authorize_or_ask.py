"""A decision, and where nothing but people's consent is lacking, the request that puts the call before them."""

from __future__ import annotations

from delegation.errors import Reason
from delegation.identity.port import Caller
from delegation.service.authorize import Authorize
from delegation.service.question import Decision, Question
from delegation.service.request_approval import RequestApproval


class AuthorizeOrAsk:
    """Decides calls; those that lack approval are put before their approvers, as if their agents had asked.

    Args:
        authorize: decides.
        request_approval: opens requests; None: agents ask by themselves.
    """

    def __init__(self, authorize: Authorize, request_approval: RequestApproval | None) -> None:
        self._authorize = authorize
        self._request_approval = request_approval

    async def __call__(self, caller: Caller, question: Question) -> Decision:
        """Decide a call; see `Authorize`. A refusal for want of approval names the request that waits for an answer."""
        decision = await self._authorize(caller, question)
        refused = decision.refusal
        if refused is None or refused.reason is not Reason.APPROVAL_REQUIRED or self._request_approval is None:
            return decision
        # Nobody is asked about what runs anyway. A denial that is remembered keeps its request's id, and is not put
        # before anybody again.
        if not decision.observed and not refused.approval_request_id:
            refused.approval_request_id = await self._request_approval.after_refusal(question)
        return decision
