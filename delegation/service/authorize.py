"""Authorize: decide one call, and record the decision before it is answered.

All that needs no state is judged first; what does, in one step with the record (`session_steps`).
Whatever goes wrong on the way to a decision is a denial, and is recorded, too. Only a caller that may
not ask for this audience, and a database that takes no record, get no decision at all.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, NamedTuple

from delegation import telemetry
from delegation.core import limits
from delegation.core.arguments import Arguments, Value
from delegation.core.authorize import authorize
from delegation.core.call import Proof
from delegation.core.chain import TraceIds, VerifiedChain
from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.observation import Observation
from delegation.core.proof import check_proof, proof_id
from delegation.core.usage import Demand, demands_of
from delegation.core.verify import Verifier
from delegation.errors import Overloaded, Reason, Refused, StorageError, refusal
from delegation.identity.port import Caller
from delegation.service.attribution import Attribution, attributed, attribution
from delegation.service.decision_point import asked_first
from delegation.service.decision_span import describe
from delegation.service.feed import RevocationFeed
from delegation.service.fencing import fence_of, refusal_of
from delegation.service.given_scopes import GivenScopes
from delegation.service.ids import Clock, Random, time_ordered_id
from delegation.service.keep_arguments import KeepArguments
from delegation.service.packing import digest_of
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.policy_rules import PolicyRules
from delegation.service.recorded_links import RecordedLinks
from delegation.service.session_steps import SessionSteps
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage
from delegation.storage.preconditions import ProofUse
from delegation.storage.records import CallRecord
from delegation.storage.refused_writes import ReplayedProofError, RevokedMeanwhileError
from delegation.storage.sessions import SessionStep, Verdict
from delegation.telemetry import names

DECIDED_BY_SERVICE: Final = "service"
REMEMBERED_DENIALS: Final = 10_000
"""Who repeats a question does so within seconds."""

KEPT_CHARACTERS: Final = 512
"""Of each of a remembered denial's words; some of them may be a caller's."""

_NO_ARGUMENTS: Final[Mapping[str, Value]] = MappingProxyType({})
_NO_TRACE: Final = TraceIds(b"", b"")
_RULES_CHANGED: Final = "the rules have changed since: make the call anew, and it is told how"
_BY_RULES: Final = frozenset({Reason.POLICY_DENIED, Reason.AUTHENTICATION_REQUIRED})


@dataclass(frozen=True, slots=True)
class Question:
    """A call to be decided, as the guard received it; `attempt` is the guard's, the rest its caller's."""

    audience: str
    tool: str
    token: bytes = field(repr=False)
    proof: bytes = field(repr=False)
    arguments_json: bytes = field(repr=False)
    attempt: bytes
    trace: TraceIds | None = None
    fulfils: frozenset[str] = frozenset()
    declared: Declaration = NOTHING_DECLARED

    def digest(self) -> bytes:
        """Give the SHA-256 by which the same question is known again."""
        return digest_of(
            self.audience.encode(),
            self.tool.encode(),
            self.token,
            self.proof,
            self.arguments_json,
            self.attempt,
            *(self.trace or _NO_TRACE),
            *(name.encode() for name in sorted(self.fulfils)),
            *(_parts(self.declared) if self.declared != NOTHING_DECLARED else ()),
        )


class Decision(NamedTuple):
    """A decision; `refusal` is None if and only if the call is permitted. `obligations` are the tool's then.

    A call that is refused may run all the same if it is `observed`.
    """

    call_id: bytes
    decided_at_ms: int
    refusal: Refused | None
    obligations: tuple[str, ...] = ()
    observed: bool = False


class Examined(NamedTuple):
    """A call that was judged without the state of its task.

    Attributes:
        refusal: why it is refused whatever the state; None if it is not.
        chain: its chain, if that was verified.
        arguments_digest: of its arguments, 32 bytes.
        step: its part in the state of its task; None if that does not matter.
    """

    refusal: Refused | None
    chain: VerifiedChain | None
    arguments_digest: bytes
    step: SessionStep | None


class _Judged(NamedTuple):
    """How far judging a call came: everything that was established before it ended."""

    refusal: Refused | None
    chain: VerifiedChain | None
    proof: Proof | None
    arguments_digest: bytes
    arguments: Mapping[str, Value]
    demands: tuple[Demand, ...] = ()


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
        feed: RevocationFeed,
        verifier: Verifier,
        recorded: RecordedLinks,
        sessions: SessionSteps,
        policy: PolicyInUse,
        given: GivenScopes,
        now_ms: Clock,
        random: Random,
        keep: KeepArguments | None = None,
        observed: Observed = nothing_observed,
    ) -> None:
        self._storage = storage
        self._observed = observed
        self._keep = keep
        self._sessions = sessions
        self._policy = policy
        self._given = given
        self._feed = feed
        self._verifier = verifier
        self._recorded = recorded
        self._now_ms = now_ms
        self._random = random
        self._denials: OrderedDict[tuple[str, bytes], Decision] = OrderedDict()

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
        if (earlier := self._denials.get((caller.id, digest))) is not None:
            return earlier
        with telemetry.span(f"{names.AUTHORIZE} {question.tool}") as span:
            position = self._feed.position
            now_ms = self._now_ms()
            rules = self._policy()
            judged = await self._judge(question, now_ms, rules)
            chain = judged.chain
            about = await attribution(question.token, self._recorded) if chain is None else attributed(chain)
            call = self._call(caller, question, judged, about, now_ms=now_ms, position=position, rules=rules)
            tool = question.audience, question.tool
            observed = self._observed(*tool, now_ms) and question.declared.may_be_served(rules.entry(*tool).tool)
            if observed and not call.allowed:
                call = call._replace(observed=Observation.LISTED)
            step = await self._step(question, judged, now_ms, rules)
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
        return self._remember((caller.id, digest), decision)

    async def examine(self, question: Question, now_ms: int) -> Examined:
        """Judge a call as far as that goes without the state of its task, and give its part in that. Decides nothing.

        Raises:
            StorageError: the database does not answer.
        """
        rules = self._policy()
        judged = await self._judge(question, now_ms, rules)
        step = await self._step(question, judged, now_ms, rules)
        return Examined(judged.refusal, judged.chain, judged.arguments_digest, step)

    # -- judging -----------------------------------------------------------------------------------------

    async def _judge(self, question: Question, now_ms: int, rules: PolicyRules) -> _Judged:
        """Verify, then authorize, apart from what needs state; say how far that came. Raises only `StorageError`."""
        chain: VerifiedChain | None = None
        proof: Proof | None = None
        digest, values = b"", _NO_ARGUMENTS
        try:
            chain = await self._verified(question.token, now_ms)
            arguments = Arguments.parse(question.arguments_json)
            digest, values = arguments.digest, arguments.values
            proof = check_proof(
                question.proof,
                chain,
                audience=question.audience,
                tool=question.tool,
                arguments_digest=digest,
                now_ms=now_ms,
            )
            audience, tool = question.audience, question.tool
            authorize(chain, audience=audience, tool=tool, arguments=arguments, conditions="elsewhere")
            rules.require_pinned(audience, tool, question.declared)
            await self._given.require_unrecorded(chain, audience, tool, now_ms, rules)
            demands = demands_of(chain, audience=audience, tool=tool, arguments=values, approvals="elsewhere")
        except Refused as error:
            refused = error
        except (StorageError, Overloaded):
            raise  # there is no decision, so none is recorded: whoever asks again may get one
        except Exception as error:  # noqa: BLE001 - a failure to decide is a denial
            log_unexpected("deciding a call", error)
            refused = refusal(Reason.INTERNAL)
        else:
            return _Judged(None, chain, proof, digest, values, demands)
        return _Judged(refused, chain, proof, digest or hashlib.sha256(question.arguments_json).digest(), values)

    async def _step(self, question: Question, judged: _Judged, now_ms: int, rules: PolicyRules) -> SessionStep | None:
        """Make the call's part in the state of its task. Who has not shown that the call is its own has none."""
        chain, audience, tool = judged.chain, question.audience, question.tool
        if chain is None or judged.proof is None:
            return None
        if judged.refusal is not None:
            return await self._sessions.refused(
                chain,
                judged.refusal,
                audience=audience,
                tool=tool,
                now_ms=now_ms,
                rules=rules,
                declared=question.declared,
            )
        return await self._sessions.permitted(
            chain,
            audience=audience,
            tool=tool,
            arguments=judged.arguments,
            arguments_digest=judged.arguments_digest,
            demands=judged.demands,
            now_ms=now_ms,
            rules=rules,
            fulfils=question.fulfils,
            declared=question.declared,
        )

    async def _verified(self, token: bytes, now_ms: int) -> VerifiedChain:
        """Verify a chain; where its receipt is missing, the service's own memory will do."""
        if not token:
            raise refusal(Reason.CHAIN_MISSING)
        try:
            chain = self._verifier.verify(token, now_ms=now_ms, revocations=self._feed.state)
        except Refused as error:
            if error.reason is not Reason.RECEIPT_MISSING:
                raise
            chain = self._verifier.verify(token, now_ms=now_ms, revocations=self._feed.state, require_receipt=False)
            if await self._recorded.find(chain.digest) is None:
                raise
        # What the grant key has signed elsewhere is no grant of this service: a stolen key alone buys nothing here.
        grant = chain.links[0].link_id
        if (self._recorded.remembered(grant) or await self._recorded.find(grant)) is None:
            raise refusal(Reason.RECEIPT_MISSING, link_index=0, detail="this service has not recorded the grant")
        return chain

    # -- recording ---------------------------------------------------------------------------------------

    def _call(
        self,
        caller: Caller,
        question: Question,
        judged: _Judged,
        about: Attribution,
        *,
        now_ms: int,
        position: int,
        rules: PolicyRules,
    ) -> CallRecord:
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
            caller=caller.id,
            proof=question.proof[: limits.PROOF_BYTES],
            catalogue_digest=rules.catalogue_digest or None,
            policy_digest=rules.digest,
            rules=(refused.field or None) if refused and refused.reason in _BY_RULES else None,
            trace_id=trace.trace_id if trace else None,
            span_id=trace.span_id if trace else None,
            arguments=kept,
        )

    async def _enter(
        self,
        call: CallRecord,
        judged: _Judged,
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
            standing = await self._refuse_late(_denied(call, refused, observed=observed), refused, step)
        except RevokedMeanwhileError as error:
            refused = refusal_of(error)
            standing = await self._refuse_late(_denied(call, refused, observed=observed), refused, step, proof=use)
        return standing, refused

    async def _refuse_late(
        self, denied: CallRecord, refused: Refused, step: SessionStep | None, *, proof: ProofUse | None = None
    ) -> CallRecord:
        """Enter a denial that was found as the decision was to be written; what runs all the same is noted with it."""
        if step is None or step.anyway is None:
            return await self._storage.decide(denied, proof=proof)
        step = replace(step, demands=(), judge=lambda view: Verdict(refused))  # noqa: ARG005 - whatever is in view
        standing, _ = await self._storage.decide_in_session(denied, step, proof=proof)
        return standing

    def _remember(self, asked: tuple[str, bytes], decision: Decision) -> Decision:
        """Keep a denial for whoever asks again: the database knows questions by their proofs only."""
        if decision.refusal is not None:
            self._denials[asked] = decision._replace(refusal=_bare(decision.refusal))
            if len(self._denials) > REMEMBERED_DENIALS:
                self._denials.popitem(last=False)
        return decision


def _bare(refused: Refused) -> Refused:
    """Give a refusal that can be kept: one that was raised holds its frames, and they the whole question."""
    words = {name: getattr(refused, name)[:KEPT_CHARACTERS] for name in ("field", "parent", "child", "detail")}
    bare = refusal(refused.reason, link_index=refused.link_index, **words)
    bare.acr_values, bare.max_age_s = refused.acr_values, refused.max_age_s
    return bare


def _parts(declared: Declaration) -> tuple[bytes, ...]:
    """Give what tells one declaration from another; no name of an obligation looks like the first of these."""
    effects, labels = ",".join(sorted(declared.effects)), ",".join(sorted(declared.labels))
    return b"\0declared", effects.encode(), labels.encode(), declared.manifest_digest


def _denied(call: CallRecord, refused: Refused, *, observed: bool) -> CallRecord:
    by = Observation.LISTED if observed else None
    return call.denied(refused.reason, refused.layer, refused.link_index, observed=by)


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
