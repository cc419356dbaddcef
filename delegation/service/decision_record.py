"""What is recorded of a decision."""

from __future__ import annotations

from typing import Final

from delegation.core import limits
from delegation.core.observation import Observation
from delegation.errors import Reason, Refused
from delegation.service.attribution import Attribution
from delegation.service.ids import Random, time_ordered_id
from delegation.service.judging import Judged
from delegation.service.keep_arguments import KeepArguments
from delegation.service.policy_rules import PolicyRules
from delegation.service.question import Question
from delegation.storage.records import CallRecord

DECIDED_BY_SERVICE: Final = "service"

_BY_RULES: Final = frozenset({Reason.POLICY_DENIED, Reason.AUTHENTICATION_REQUIRED})


class DecisionRecords:
    """Makes the records of calls.

    Args:
        random: for their ids.
        keep: gives what of a call's arguments is kept; None: nothing.
    """

    def __init__(self, random: Random, keep: KeepArguments | None) -> None:
        self._random = random
        self._keep = keep

    def __call__(
        self,
        caller_id: str,
        question: Question,
        judged: Judged,
        about: Attribution,
        *,
        now_ms: int,
        position: int,
        rules: PolicyRules,
    ) -> CallRecord:
        """Make the record of a call as it was judged without the state of its task.

        Args:
            caller_id: who asks.
            question: about the call.
            judged: how far judging it came.
            about: whose call it is.
            now_ms: the decision's time.
            position: the feed's, by which it was judged.
            rules: the version that it was judged by.
        """
        proof, refused = judged.proof, judged.refusal
        trace = question.trace or (proof.trace if proof else None)
        call_id = time_ordered_id(now_ms, self._random)
        kept = None
        if proof is not None and self._keep is not None:  # else anybody could have anything kept
            kept = self._keep(question.audience, question.tool, judged.arguments, call_id)
        return CallRecord(
            call_id=call_id,
            task_id=about.task_id,
            leaf_link_id=about.leaf_link_id,
            leaf_agent=about.agent,
            principal_subject=about.principal_subject,
            audience=question.audience,
            tool=question.tool,
            allowed=refused is None,
            reason=refused.reason if refused else "",
            layer=refused.layer if refused else "",
            link_index=refused.link_index if refused else None,
            arguments_digest=judged.arguments_digest,
            proof_nonce=proof.nonce if proof else b"",
            decided_ms=now_ms,
            decided_by=DECIDED_BY_SERVICE,
            recorded_ms=now_ms,
            feed_position=position,
            caller=caller_id,
            proof=question.proof[: limits.PROOF_BYTES],
            catalogue_digest=rules.catalogue_digest or None,
            policy_digest=rules.digest,
            rules=(refused.field or None) if refused and refused.reason in _BY_RULES else None,
            trace_id=trace.trace_id if trace else None,
            span_id=trace.span_id if trace else None,
            arguments=kept,
        )


def denied(call: CallRecord, refused: Refused, *, observed: bool) -> CallRecord:
    """Make a record say that its call is refused after all; one that is `observed` runs all the same."""
    by = Observation.LISTED if observed else None
    return call.denied(refused.reason, refused.layer, refused.link_index, observed=by)
