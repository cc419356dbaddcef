"""Deciding one call: in process where the catalogue says so, by the service otherwise. No I/O here.

`Decider.decide` is a generator: where the service must be asked it yields the question and is sent the answer. Every
failure to decide is a denial; every denial that was taken here is recorded like a permission.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal

from delegation.core import limits
from delegation.core.arguments import Arguments, Value
from delegation.core.authorize import authorize
from delegation.core.chain import VerifiedChain
from delegation.core.declaration import NOTHING_DECLARED
from delegation.core.federation import FollowedFeeds, not_followed
from delegation.core.proof import check_proof, proof_id
from delegation.core.records import DecisionRecord, Outcome, OutcomeStatus
from delegation.core.trust import CatalogueTool, is_local
from delegation.core.usage import has_conditions
from delegation.errors import (
    DelegationError,
    Overloaded,
    PermissionDenied,
    Reason,
    Refused,
    ServiceUnavailable,
    StorageError,
    Unauthenticated,
    refusal,
)
from delegation.telemetry import Span
from delegation_sdk import tracing
from delegation_sdk.authorized_call import AuthorizedCall
from delegation_sdk.carriage import Carriage
from delegation_sdk.driving import Authorizing, Blocking, Deciding, NewerTrust, Wait
from delegation_sdk.federated_feeds import FederatedFeeds
from delegation_sdk.feed import FeedAges, FeedWatcher
from delegation_sdk.known_chains import KnownChains
from delegation_sdk.log import defect, warn
from delegation_sdk.observed_call import ObservedCall
from delegation_sdk.observing import Observer
from delegation_sdk.question import Question
from delegation_sdk.recorder import Recorder
from delegation_sdk.replay import ReplayStore
from delegation_sdk.served_tools import ServedTools
from delegation_sdk.shared_replay import ProofUse, SharedReplay
from delegation_sdk.sources import Sources
from delegation_sdk.trust import TrustKeeper

if TYPE_CHECKING:
    from delegation.wire.authorization import Decision
    from delegation_sdk.break_glass import BreakGlassFile, Order


LONGEST_WAIT_MS: Final = 250
"""So far ahead may an agent's clock be for a tool that is decided in process by a guard's own memory of proofs: what is
a matter of clocks that are kept in step. It holds a thread of the tool for as long."""


class Decider:
    """Decides the calls of one audience's tools.

    Args:
        audience: Whom the tools speak for.
        trust: The trust bundle and the catalogue.
        feed: The revocation feed.
        federated: The feeds of other trust domains.
        recorder: Where decisions and outcomes go.
        replay: The proofs that were used here.
        shared_replay: The store that all instances of this audience share, in place of it; None if there is none.
        break_glass: The operator's break-glass statements; None if none are taken.
        feed_ages: How old the feed may be.
        chains: The chains that can be found by their digest.
        served: What the tools say of themselves.
        sources: Clock and randomness.
        fulfils: The obligations that the tools fulfil.
    """

    def __init__(
        self,
        audience: str,
        *,
        trust: TrustKeeper,
        feed: FeedWatcher,
        federated: FederatedFeeds,
        recorder: Recorder,
        replay: ReplayStore,
        shared_replay: SharedReplay | None,
        break_glass: BreakGlassFile | None,
        feed_ages: FeedAges,
        chains: KnownChains,
        served: ServedTools,
        sources: Sources,
        fulfils: tuple[str, ...] = (),
    ) -> None:
        self._audience = audience
        self._trust = trust
        self._feed = feed
        self._federated = federated
        self._recorder = recorder
        self._replay = replay
        self._shared_replay = shared_replay
        self._break_glass = break_glass
        self._feed_ages = feed_ages
        self._chains = chains
        self._served = served
        self._sources = sources
        self._fulfils = fulfils
        self._observer = Observer(audience, trust=trust, feed=feed, recorder=recorder, served=served, sources=sources)

    def decide(
        self, carriage: Carriage, tool: str, arguments: Mapping[str, Any], defaults: Mapping[str, Any], span: Span
    ) -> Deciding:
        """Decide one call. One that is refused is given back as observed if its tool is under observation.

        Args:
            carriage: What came with the call.
            tool: What is called.
            arguments: As the caller sent them.
            defaults: What the tool will use for arguments that were not sent.
            span: The decision's span.

        Raises:
            Refused: The call is denied.
        """
        question = Question(carriage, tool, self._sources.new_id(), tracing.trace_of(span))
        try:
            call = yield from self._decide(question, arguments, defaults)
        except Refused as refused:
            return self._refuse(question, refused, arguments, span)
        except Exception as error:  # noqa: BLE001 - deciding failed, which is a denial
            warn("deciding a call failed: %s", defect(error))
            return self._refuse(question, refusal(Reason.INTERNAL), arguments, span)
        tracing.describe_chain(span, call.chain)
        self._describe(span, call.call_id, None, question.order)
        return call

    def report(self, call_id: bytes, status: OutcomeStatus, impacts: tuple[tuple[str, str], ...] = ()) -> None:
        """Queue what came of a call."""
        self._recorder.report(Outcome(call_id, status, self._sources.now_ms(), impacts))

    def _decide(self, question: Question, arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> Authorizing:
        question.require_name()
        question.sent = sent = Arguments.of(arguments)
        if not question.carriage.token:
            raise refusal(Reason.CHAIN_MISSING)
        if not question.carriage.proof:
            raise refusal(Reason.PROOF_MISSING)
        if self._is_local(question.tool):
            self._recorder.require_room()
            self._require_fresh(question)
            return (yield from self._decide_here(question, sent, defaults))
        self._require_fresh(question)
        return (yield from self._ask(question, sent, defaults))

    def _decide_here(
        self,
        question: Question,
        sent: Arguments,
        defaults: Mapping[str, Any],
        *,
        accept_from_ms: int = 0,
        alone: bool = False,
    ) -> Authorizing:
        """Verify, check the proof, authorize, record: all in process.

        Only the service knows what conditions have left (A-18): it is asked, unless this is `alone`, which refuses.
        """
        now_ms = self._sources.now_ms()
        chain = yield from self._verified(question, now_ms)
        if not alone and has_conditions(chain, self._audience, question.tool):
            return (yield from self._ask(question, sent, defaults))
        waited = yield from self._use_proof(question, sent, chain, now_ms=now_ms, accept_from_ms=accept_from_ms)
        self._chains.keep(chain, now_ms)  # not before: only the leaf's holder gets a chain in here
        used = self._permit(chain, question.tool, sent, defaults)
        yield from self._use_order(question, now_ms)
        if waited or question.order:
            now_ms = self._ask_again(question)
        question.tell_of_order(self._audience)
        self._recorder.append(self._record(question, None, now_ms), chain.token)
        return self._authorized(question.call_id, chain, question.tool, used)

    def _ask_again(self, question: Question) -> int:
        """Ask again what may have changed while the call waited: expiry, revocation, the feed's age. Give the time."""
        self._require_fresh(question)
        now_ms = self._sources.now_ms()
        self._verify(question, now_ms)
        return now_ms

    def _require_fresh(self, question: Question) -> None:
        """Require a feed that is young enough for the tool, or for the break-glass statement that covers it (B-4)."""
        now_ms, monotonic_ms = self._sources.now_ms(), self._sources.monotonic_ms()
        maximum_ms = self._maximum_feed_age_ms(question.tool)
        try:
            self._feed.state.require_fresh(maximum_ms, now_ms=now_ms, monotonic_ms=monotonic_ms)
        except Refused as stale:
            order = question.order or self._order_for(question, now_ms)
            if order is None:
                raise
            maximum_ms = max(maximum_ms, order.statement.maximum_feed_age_ms)
            self._feed.state.require_fresh(maximum_ms, now_ms=now_ms, monotonic_ms=monotonic_ms)
            question.rely_on(order, stale)

    def _order_for(self, question: Question, now_ms: int) -> Order | None:
        if self._break_glass is None:
            return None
        return self._break_glass.find(self._entry(question.tool), now_ms)

    def _use_order(self, question: Question, now_ms: int) -> Generator[Blocking, None, None]:
        """Use up the break-glass statement that the call rests on, if it is of single use."""
        order = question.order
        if order is None or self._break_glass is None:
            return
        if order.statement.single_use:
            use = self._break_glass.use
            try:
                yield Blocking(lambda: use(order, now_ms))
            except DelegationError as error:
                warn("a break-glass statement does not count: %s", error)
                without, question.order = question.without_order, None
                raise without or refusal(Reason.FEED_STALE) from None

    def _use_proof(
        self, question: Question, sent: Arguments, chain: VerifiedChain, *, now_ms: int, accept_from_ms: int
    ) -> Generator[Blocking | Wait, None, bool]:
        """Check the proof, and use it up: here, or in the store that the instances of this tool share.

        Returns:
            Whether that may have taken a while.
        """
        shared = self._shared_replay
        horizon_ms = accept_from_ms if shared else max(accept_from_ms, self._replay.horizon_ms)
        proof = check_proof(
            question.carriage.proof,
            chain,
            audience=self._audience,
            tool=question.tool,
            arguments_digest=sent.digest,
            now_ms=now_ms,
            accept_from_ms=horizon_ms,
        )
        if shared is None:
            ahead_ms = proof.issued_at_ms - now_ms
            known_as = proof_id(proof.chain_digest, proof.audience, proof.nonce)
            if ahead_ms > 0:  # used now, it would be younger than a restart, and be taken again (P-13)
                self._replay.require_unused(known_as, proof.issued_at_ms)
                if ahead_ms <= LONGEST_WAIT_MS:
                    yield Wait((ahead_ms + 1) / 1000)
                if proof.issued_at_ms > (now_ms := self._sources.now_ms()):
                    raise refusal(Reason.PROOF_FROM_FUTURE)
            self._replay.use(known_as, proof.issued_at_ms, now_ms)
            return ahead_ms > 0
        used = ProofUse.of(proof, accept_from_ms=accept_from_ms, now_ms=now_ms)
        yield Blocking(lambda: shared.use(used))
        return True

    def _decide_alone(self, question: Question, sent: Arguments, defaults: Mapping[str, Any]) -> Authorizing:
        """Decide in process what the service did not answer, by the break-glass statement in hand (B-4)."""
        self._recorder.require_room()
        self._require_fresh(question)
        accept_from_ms = question.order.accept_from_ms if question.order else 0
        return (yield from self._decide_here(question, sent, defaults, accept_from_ms=accept_from_ms, alone=True))

    def _ask(self, question: Question, sent: Arguments, defaults: Mapping[str, Any]) -> Authorizing:
        """Have the service decide and record, before the tool runs."""
        from delegation.wire.authorization import CallToDecide

        try:
            decision: Decision | None = yield CallToDecide(
                token=question.carriage.token,
                proof=question.carriage.proof,
                audience=self._audience,
                tool=question.tool,
                arguments_json=sent.canonical,
                attempt=self._sources.random(limits.NONCE_BYTES),
                trace=question.trace,
                fulfils=self._fulfils,
                declared=self._served.find(question.tool),
            )
        except DelegationError as error:
            refused = _undecided(error)
            # That it has too much to do is an answer: who keeps it busy must not gain a decision without it (B-4).
            away = isinstance(error, (ServiceUnavailable, StorageError))
            order = self._order_for(question, self._sources.now_ms()) if away else None
            # A record for an audience that is not ours would never be taken, and hold up all others.
            question.decided_by_service = refused.reason is Reason.NOT_YOUR_AUDIENCE
            question.turned_away = isinstance(error, (PermissionDenied, Unauthenticated))
            if order is None:
                raise refused from None
            question.rely_on(order, refused)
            decision = None
        if decision is None:
            return (yield from self._decide_alone(question, sent, defaults))
        question.call_id = decision.call_id
        if decision.refusal is not None:
            question.decided_by_service, question.observed_by_service = True, decision.observed
            with suppress(Refused):  # whose chain it is, for the span alone
                self._verify(question, self._sources.now_ms())
            raise decision.refusal
        try:
            self._require_promised(decision.obligations)
            now_ms = self._sources.now_ms()
            chain = yield from self._verified(question, now_ms)
            self._chains.keep(chain, now_ms)  # the service has checked the proof, and permits nothing without
            if self._break_glass is not None and self._break_glass.in_force(now_ms):  # B-5
                yield from self._use_proof(question, sent, chain, now_ms=now_ms, accept_from_ms=0)
            # The service has not seen the defaults; and it is not believed more than the chain.
            used = self._permit(chain, question.tool, sent, defaults, conditions="elsewhere")
            yield from self._use_order(question, now_ms)
            if self._break_glass is not None:
                self._ask_again(question)
            question.tell_of_order(self._audience)
        except Exception:
            question.permitted_as, question.call_id = decision.call_id, self._sources.new_id()
            raise
        return self._authorized(decision.call_id, chain, question.tool, used, decision.obligations)

    def _require_promised(self, obligations: tuple[str, ...]) -> None:
        """Require that the tool has promised to do what a permission demands."""
        if not set(obligations).issubset(self._fulfils):
            raise refusal(Reason.POLICY_DENIED, detail="the permission demands what the tool does not promise")

    def _verified(self, question: Question, now_ms: int) -> Generator[NewerTrust, bool, VerifiedChain]:
        """Verify the chain; if it is refused for a key that is not known here, once more by a newer bundle."""
        try:
            return self._verify(question, now_ms)
        except Refused as refused:
            if not self._trust.may_lack(refused, question.carriage.token) or not (yield NewerTrust()):
                raise
        return self._verify(question, now_ms)

    def _verify(self, question: Question, now_ms: int) -> VerifiedChain:
        chain = self._trust.verify(
            question.carriage.token,
            now_ms=now_ms,
            revocations=self._feed.state,
            federated=self._followed(question.tool),
        )
        question.chain = chain
        return chain

    def _followed(self, tool: str) -> FollowedFeeds:
        """Give the feeds of other trust domains: only for what is decided in process (SPEC 9.11)."""
        if not self._is_local(tool):
            return not_followed
        return self._federated.no_older_than(self._maximum_feed_age_ms(tool))

    def _is_local(self, tool: str) -> bool:
        """Tell whether calls of a tool are decided in process.

        Not if it declares more than is listed (T-43), nor if it has to be another one: the service refuses that (T-45).
        """
        entry = self._trust.catalogue.find(self._audience, tool)
        if entry is None or not is_local(entry):
            return False
        declared = self._served.find(tool)
        return not (declared.adds_to(entry) or (entry.manifest_required and declared.is_another(entry)))

    def _declares_more(self, tool: str) -> bool:
        declared = self._served.find(tool)
        if declared is NOTHING_DECLARED:
            return False
        entry = self._trust.catalogue.find(self._audience, tool)
        return entry is not None and declared.adds_to(entry)

    def _entry(self, tool: str) -> CatalogueTool | None:
        """Give what the catalogue says of a tool, with what that declares; None if it is not listed."""
        entry = self._trust.catalogue.find(self._audience, tool)
        return None if entry is None else self._served.find(tool).united(entry)

    def _maximum_feed_age_ms(self, tool: str) -> int:
        """Tell how old the revocation feed may be; a tool that declares more than is listed wants it younger."""
        age_ms = self._feed_ages.of(self._trust.catalogue, self._audience, tool)
        return min(age_ms, self._feed_ages.other_ms) if self._declares_more(tool) else age_ms

    def _permit(
        self,
        chain: VerifiedChain,
        tool: str,
        sent: Arguments,
        defaults: Mapping[str, Any],
        *,
        conditions: Literal["refuse", "elsewhere"] = "refuse",
    ) -> Mapping[str, Value]:
        """Require that every link permits what was sent, and the tool's defaults for what was not; give both.

        Of an argument that no link mentions the tool is the master, as long as nobody sends it.
        """
        unsent = {name: defaults[name] for name in defaults if name not in sent.values}
        if unsent:
            spoken_of = self._spoken_of(chain, tool)
            unsent = dict(Arguments.of({name: unsent[name] for name in unsent if name in spoken_of}).values)
        authorize(chain, audience=self._audience, tool=tool, arguments=sent, defaults=unsent, conditions=conditions)
        return {**sent.values, **unsent} if unsent else sent.values

    def _spoken_of(self, chain: VerifiedChain, tool: str) -> set[str]:
        """Give the names of the arguments that any link says something about: a leaf may have dropped one."""
        capabilities = (signed.link.scope.find(self._audience, tool) for signed in chain.links)
        return {name for capability in capabilities if capability for name in capability.arguments or ()}

    def _authorized(
        self,
        call_id: bytes,
        chain: VerifiedChain,
        tool: str,
        used: Mapping[str, Value],
        obligations: tuple[str, ...] = (),
    ) -> AuthorizedCall:
        return AuthorizedCall(
            call_id,
            chain,
            audience=self._audience,
            tool=tool,
            arguments=used,
            report=self.report,
            obligations=obligations,
        )

    def _refuse(self, question: Question, refused: Refused, arguments: Mapping[str, Any], span: Span) -> ObservedCall:
        """Record a refusal and raise it; where the tool is under observation, give the call that runs all the same."""
        refused.call_id = question.call_id
        if self._observer.lets_run(question, refused):
            try:
                return self._observe(question, refused, arguments, span)
            except Refused as unrecorded:  # and so it does not run
                refused = unrecorded
        if question.permitted_as or question.observed_by_service:  # the service has recorded that it runs
            self.report(question.permitted_as or question.call_id, OutcomeStatus.FAILED)
        self._deny(question, refused, span)
        raise refused from None

    def _observe(self, question: Question, refused: Refused, arguments: Mapping[str, Any], span: Span) -> ObservedCall:
        """Record that a refused call runs, and give it. Raises `Undecided`, RECORD_BACKLOG."""
        if not question.decided_by_service:
            record = self._record(question, refused, self._sources.now_ms(), observed=True)
            self._recorder.append(record, question.chain.token if question.chain else b"")
        if question.permitted_as:  # it runs as what is recorded here; what was reserved for it stays spent
            self.report(question.permitted_as, OutcomeStatus.UNKNOWN)
        if question.chain is not None:
            tracing.describe_chain(span, question.chain)
        self._describe(span, question.call_id, refused, observed=True)
        return ObservedCall(
            question.call_id,
            refused.with_traceback(None),  # its frames hold chain and proof
            audience=self._audience,
            tool=question.tool,
            arguments=question.sent.values if question.sent else arguments,
            report=self.report,
            obligations=self._fulfils,
        )

    def _deny(self, question: Question, refused: Refused, span: Span) -> None:
        refused.call_id = question.call_id
        if question.chain is not None:
            tracing.describe_chain(span, question.chain)
        self._describe(span, question.call_id, refused)
        if question.decided_by_service:
            return
        token = question.chain.token if question.chain else b""
        try:
            self._recorder.append(self._record(question, refused, self._sources.now_ms()), token)
        except Refused:
            warn("a denial could not be recorded: the queue is full")

    def _describe(
        self,
        span: Span,
        call_id: bytes,
        refused: Refused | None,
        order: Order | None = None,
        *,
        observed: bool = False,
    ) -> None:
        if span.recording:
            age_ms = self._feed.state.age_ms(self._sources.now_ms(), self._sources.monotonic_ms())
            tracing.describe_decision(span, call_id, refused, feed_age_ms=age_ms, observed=observed)
            if order is not None:
                tracing.describe_order(span, order.statement)

    def _record(
        self, question: Question, refused: Refused | None, now_ms: int, *, observed: bool = False
    ) -> DecisionRecord:
        position = self._feed.state.position or 0
        return question.record(self._audience, refused, now_ms=now_ms, feed_position=position, observed=observed)


def _undecided(error: DelegationError) -> Refused:
    """Turn a failure to get a decision into the denial that it is."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, (ServiceUnavailable, Overloaded, StorageError)):
        return refusal(Reason.SERVICE_UNAVAILABLE)
    return refusal(Reason.INTERNAL, detail="the service did not answer the question")
