"""Authorize: decide one call, and record the decision before it is answered.

All that needs no state is judged first; what does, in one step with the record (`session_steps`).
Whatever goes wrong on the way to a decision is a denial, and is recorded, too. Only a caller that may
not ask for this audience, and a database that takes no record, get no decision at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from delegation import telemetry
from delegation.core.observation import Observation
from delegation.core.proof import proof_id
from delegation.errors import Reason, Refused, refusal
from delegation.identity.port import Caller
from delegation.service.attribution import attributed, attribution
from delegation.service.decision_point import asked_first
from delegation.service.decision_record import DecisionRecords, denied
from delegation.service.decision_span import describe
from delegation.service.feed import RevocationFeed
from delegation.service.fencing import fence_of, refusal_of
from delegation.service.ids import Clock, Random
from delegation.service.judging import Judged, Judging
from delegation.service.keep_arguments import KeepArguments
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.policy_rules import PolicyRules
from delegation.service.question import Decision, Question
from delegation.service.recorded_links import RecordedLinks
from delegation.service.remembered_denials import RememberedDenials
from delegation.service.session_steps import SessionSteps
from delegation.storage.port import Storage
from delegation.storage.preconditions import ProofUse
from delegation.storage.records import CallRecord
from delegation.storage.refused_writes import ReplayedProofError, RevokedMeanwhileError
from delegation.storage.sessions import SessionStep, Verdict
from delegation.telemetry import names

_RULES_CHANGED: Final = "the rules have changed since: make the call anew, and it is told how"

Observed = Callable[[str, str, int], bool]
"""Tells of an audience's tool whether it is under observation at a time."""


def nothing_observed(audience: str, tool: str, now_ms: int) -> bool:  # noqa: ARG001 - whatever the tool
    """Tell of every tool that it is enforced."""
    return False


class Authorize:
    """Decides calls for tools."""

    def __init__(
        self,
        storage: Storage,
        *,
        judging: Judging,
        sessions: SessionSteps,
        policy: PolicyInUse,
        feed: RevocationFeed,
        recorded: RecordedLinks,
        now_ms: Clock,
        random: Random,
        keep: KeepArguments | None = None,
        observed: Observed = nothing_observed,
    ) -> None:
        self._storage = storage
        self._judging = judging
        self._sessions = sessions
        self._policy = policy
        self._feed = feed
        self._recorded = recorded
        self._now_ms = now_ms
        self._record = DecisionRecords(random, keep)
        self._observed = observed
        self._denials = RememberedDenials()

    async def __call__(self, caller: Caller, question: Question) -> Decision:
        """Decide a call.

        The same caller asking the same question again, byte for byte, gets the same decision.

        Raises:
            PermissionDenied, PolicyDenied: the caller does not speak for the audience. Nothing is recorded.
            StorageError: the decision could not be recorded, so there is none.
            Overloaded: too many questions to a decision point are under way; there is no decision.
        """
        caller.require_audience(question.audience)
        started = time.monotonic()
        digest = question.digest()
        if (earlier := self._denials.find(caller.id, digest)) is not None:
            return earlier
        with telemetry.span(f"{names.AUTHORIZE} {question.tool}") as span:
            position = self._feed.position
            now_ms = self._now_ms()
            rules = self._policy()
            judged = await self._judging(question, now_ms, rules)
            chain = judged.chain
            about = await attribution(question.token, self._recorded) if chain is None else attributed(chain)
            call = self._record(caller.id, question, judged, about, now_ms=now_ms, position=position, rules=rules)
            tool = question.audience, question.tool
            observed = self._observed(*tool, now_ms) and question.declared.may_be_served(rules.entry(*tool).tool)
            if observed and not call.allowed:
                call = call._replace(observed=Observation.LISTED)
            step = await self._judging.step(question, judged, now_ms, rules)
            if observed and step is not None and chain is not None:
                step = await self._sessions.running_anyway(step, chain, rules.entry(*tool, question.declared).noted)
            standing, refused = await self._enter(call, judged, step, digest, position, observed=observed)
            if standing.call_id != call.call_id:  # the same question was answered before
                refused = _same_refusal(standing, refused, rules)
            if span.recording:
                describe(span, question.audience, question.tool, judged.chain, refused, observed=observed)
        telemetry.count_decision(
            audience=question.audience,
            reason=refused.reason if refused else None,
            duration_ms=(time.monotonic() - started) * 1000,
            observed=standing.observed is not None,
        )
        obligations = tuple(standing.obligations.split(",")) if standing.obligations else ()
        decision = Decision(
            standing.call_id, standing.decided_ms, refused, obligations, observed=standing.observed is not None
        )
        return self._denials.keep(caller.id, digest, decision)

    async def _enter(
        self,
        call: CallRecord,
        judged: Judged,
        step: SessionStep | None,
        digest: bytes,
        position: int,
        *,
        observed: bool,
    ) -> tuple[CallRecord, Refused | None]:
        """Enter the decision, judged on the state of the task if it has a part in it.

        Returns the one that stands, which may be a denial after all.
        """
        proof, refused = judged.proof, judged.refusal
        # A nonce that nobody's key has signed for is not used up: it could be another call's.
        use = proof and ProofUse(
            proof_id(proof.chain_digest, proof.audience, proof.nonce),
            proof.issued_at_ms,
            call.audience,
            call.caller,
            digest,
        )
        fence = fence_of(judged.chain, position) if judged.chain and call.allowed else None
        try:
            if step is None:
                standing = await self._storage.decide(call, proof=use, fence=fence)
            else:
                standing, unmet = await asked_first(
                    lambda: self._storage.decide_in_session(call, step, proof=use, fence=fence)
                )
                refused = refused or unmet
        except ReplayedProofError:
            refused = refusal(Reason.PROOF_REPLAYED)
            standing = await self._refuse_late(denied(call, refused, observed=observed), refused, step)
        except RevokedMeanwhileError as error:
            refused = refusal_of(error)
            standing = await self._refuse_late(denied(call, refused, observed=observed), refused, step, proof=use)
        return standing, refused

    async def _refuse_late(
        self, record: CallRecord, refused: Refused, step: SessionStep | None, *, proof: ProofUse | None = None
    ) -> CallRecord:
        """Enter a denial that was found as the decision was to be written; what runs all the same is noted with it."""
        if step is None or step.anyway is None:
            return await self._storage.decide(record, proof=proof)
        step = replace(step, demands=(), judge=lambda view: Verdict(refused))  # noqa: ARG005 - whatever is in view
        standing, _ = await self._storage.decide_in_session(record, step, proof=proof)
        return standing


def _same_refusal(standing: CallRecord, refused: Refused | None, rules: PolicyRules) -> Refused | None:
    """Give the refusal of the decision that stands; the words of this time's, if it is the same.

    How the principal has to sign in is not in the record. The rules that demanded it say it again, if they still do.
    """
    if standing.allowed:
        return None
    if refused is not None and (refused.reason, refused.link_index) == (standing.reason, standing.link_index):
        return refused
    if standing.reason == Reason.AUTHENTICATION_REQUIRED:
        again = rules.sign_in_refusal((standing.rules or "").split(","))
        return again or refusal(Reason.AUTHENTICATION_REQUIRED, detail=_RULES_CHANGED)
    return refusal(Reason(standing.reason), link_index=standing.link_index)
