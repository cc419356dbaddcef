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
from delegation.core.demands import has_conditions
from delegation.core.proof import check_proof, proof_id
from delegation.core.records import Outcome, OutcomeStatus
from delegation.errors import DelegationError, Reason, Refused, refusal
from delegation.telemetry import Span
from delegation_sdk import tracing
from delegation_sdk.authorized_call import AuthorizedCall
from delegation_sdk.carriage import Carriage
from delegation_sdk.driving import Authorizing, Blocking, Deciding, NewerTrust, Wait
from delegation_sdk.federated_feeds import FederatedFeeds
from delegation_sdk.feed import FeedAges, FeedWatcher
from delegation_sdk.known_chains import KnownChains
from delegation_sdk.log import defect, warn
from delegation_sdk.observing import Observer
from delegation_sdk.question import Question
from delegation_sdk.recorder import Recorder
from delegation_sdk.refusals import Refusals
from delegation_sdk.replay import ReplayStore
from delegation_sdk.served_tools import ServedTools
from delegation_sdk.shared_replay import ProofUse, SharedReplay
from delegation_sdk.sources import Sources
from delegation_sdk.tool_terms import ToolTerms
from delegation_sdk.trust import TrustKeeper

if TYPE_CHECKING:
    from delegation.wire.authorization import Decision
    from delegation_sdk.break_glass import BreakGlassFile


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
        self._recorder = recorder
        self._replay = replay
        self._shared_replay = shared_replay
        self._break_glass = break_glass
        self._chains = chains
        self._served = served
        self._sources = sources
        self._fulfils = fulfils
        self._terms = ToolTerms(
            audience,
            trust=trust,
            feed=feed,
            federated=federated,
            feed_ages=feed_ages,
            served=served,
            break_glass=break_glass,
            sources=sources,
        )
        self._refusals = Refusals(
            audience,
            observer=Observer(audience, trust=trust, feed=feed, recorder=recorder, served=served, sources=sources),
            recorder=recorder,
            report=self.report,
            feed=feed,
            sources=sources,
            fulfils=fulfils,
        )

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
            return self._refusals.settle(question, refused, arguments, span)
        except Exception as error:  # noqa: BLE001 - deciding failed, which is a denial
            warn("deciding a call failed: %s", defect(error))
            return self._refusals.settle(question, refusal(Reason.INTERNAL), arguments, span)
        tracing.describe_chain(span, call.chain)
        if span.recording:
            age_ms = self._feed.state.age_ms(self._sources.now_ms(), self._sources.monotonic_ms())
            tracing.describe_decision(span, call.call_id, None, feed_age_ms=age_ms)
            if question.order is not None:
                tracing.describe_order(span, question.order.statement)
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
        if self._terms.is_local(question.tool):
            self._recorder.require_room()
            self._terms.require_fresh(question)
            return (yield from self._decide_here(question, sent, defaults))
        self._terms.require_fresh(question)
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
        position = self._feed.state.position or 0
        record = question.record(self._audience, None, now_ms=now_ms, feed_position=position)
        self._recorder.append(record, chain.token)
        return self._authorized(question.call_id, chain, question.tool, used)

    def _ask_again(self, question: Question) -> int:
        """Ask again what may have changed while the call waited: expiry, revocation, the feed's age. Give the time."""
        self._terms.require_fresh(question)
        now_ms = self._sources.now_ms()
        self._verify(question, now_ms)
        return now_ms

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
        self._terms.require_fresh(question)
        accept_from_ms = question.order.accept_from_ms if question.order else 0
        return (yield from self._decide_here(question, sent, defaults, accept_from_ms=accept_from_ms, alone=True))

    def _ask(self, question: Question, sent: Arguments, defaults: Mapping[str, Any]) -> Authorizing:
        """Have the service decide and record, before the tool runs."""
        from delegation_sdk.asking import call_to_decide, is_away, undecided

        try:
            decision: Decision | None = yield call_to_decide(
                question,
                sent,
                audience=self._audience,
                attempt=self._sources.random(limits.NONCE_BYTES),
                fulfils=self._fulfils,
                declared=self._served.find(question.tool),
            )
        except DelegationError as error:
            refused = undecided(question, error)
            order = self._terms.order_for(question, self._sources.now_ms()) if is_away(error) else None
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
            federated=self._terms.followed(question.tool),
        )
        question.chain = chain
        return chain

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
