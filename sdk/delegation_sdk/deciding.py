"""Deciding one call: in process where the catalogue says so, by the service otherwise. No I/O here.

`Decider.decide` is a generator: where the service must be asked it yields the question and is sent the answer. Every
failure to decide is a denial; every denial that was taken here is recorded like a permission.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Union

from delegation.core import limits
from delegation.core.arguments import Arguments, Value
from delegation.core.authorize import authorize
from delegation.core.chain import VerifiedChain
from delegation.core.proof import check_proof, proof_id
from delegation.core.records import DecisionRecord, Outcome, OutcomeStatus
from delegation.errors import (
    DelegationError,
    Overloaded,
    Reason,
    Refused,
    ServiceUnavailable,
    StorageError,
    refusal,
)
from delegation.telemetry import Span
from delegation_sdk import tracing
from delegation_sdk.authorized_call import AuthorizedCall
from delegation_sdk.carriage import Carriage
from delegation_sdk.feed import FeedWatcher
from delegation_sdk.known_chains import KnownChains
from delegation_sdk.log import warn
from delegation_sdk.question import Question
from delegation_sdk.recorder import Recorder
from delegation_sdk.replay import ReplayStore
from delegation_sdk.sources import Sources
from delegation_sdk.trust import TrustKeeper

if TYPE_CHECKING:
    from delegation.wire.authorization import CallToDecide, Decision


class Wanted(Enum):
    """What a decision may need besides the service's answer."""

    NEWER_TRUST = "a newer trust bundle"
    """The answer to it is whether there was one."""


# Yields the question if the service must be asked, and is sent its decision; or that it needs a newer trust bundle, and
# is sent whether there was one. Returns the call.
Deciding = Generator[Union["CallToDecide", Wanted], Any, AuthorizedCall]

MAX_STALENESS_READ_MS: Final = 60_000
"""How old the revocation feed may be for a tool that only reads."""


class Decider:
    """Decides the calls of one audience's tools.

    Args:
        audience: Whom the tools speak for.
        trust: The trust bundle and the catalogue.
        feed: The revocation feed.
        recorder: Where decisions and outcomes go.
        replay: The proofs that were used.
        chains: The chains that can be found by their digest.
        sources: Clock and randomness.
    """

    def __init__(
        self,
        audience: str,
        *,
        trust: TrustKeeper,
        feed: FeedWatcher,
        recorder: Recorder,
        replay: ReplayStore,
        chains: KnownChains,
        sources: Sources,
    ) -> None:
        self._audience = audience
        self._trust = trust
        self._feed = feed
        self._recorder = recorder
        self._replay = replay
        self._chains = chains
        self._sources = sources

    def decide(
        self, carriage: Carriage, tool: str, arguments: Mapping[str, Any], defaults: Mapping[str, Any], span: Span
    ) -> Deciding:
        """Decide one call.

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
            self._deny(question, refused, span)
            raise
        except Exception as error:  # noqa: BLE001 - deciding failed, which is a denial
            warn("deciding a call failed for a defect: %s", type(error).__qualname__)
            failed = refusal(Reason.INTERNAL)
            self._deny(question, failed, span)
            raise failed from None
        tracing.describe_chain(span, call.chain)
        self._describe(span, call.call_id, None)
        return call

    def report(self, call_id: bytes, status: OutcomeStatus, impacts: tuple[tuple[str, str], ...] = ()) -> None:
        """Queue what came of a call."""
        self._recorder.report(Outcome(call_id, status, self._sources.now_ms(), impacts))

    def _decide(self, question: Question, arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> Deciding:
        question.require_name()
        question.sent = sent = Arguments.of(arguments)
        if not question.carriage.token:
            raise refusal(Reason.CHAIN_MISSING)
        if not question.carriage.proof:
            raise refusal(Reason.PROOF_MISSING)
        if self._trust.catalogue.is_local(self._audience, question.tool):
            return (yield from self._decide_here(question, sent, defaults))
        return (yield from self._ask(question, sent, defaults))

    def _decide_here(self, question: Question, sent: Arguments, defaults: Mapping[str, Any]) -> Deciding:
        """Verify, check the proof, authorize, record: all in process, for tools that only read."""
        self._recorder.require_room()
        now_ms = self._sources.now_ms()
        self._feed.state.require_fresh(MAX_STALENESS_READ_MS, now_ms=now_ms, monotonic_ms=self._sources.monotonic_ms())
        chain = yield from self._verified(question, now_ms)
        proof = check_proof(
            question.carriage.proof,
            chain,
            audience=self._audience,
            tool=question.tool,
            arguments_digest=sent.digest,
            now_ms=now_ms,
            accept_from_ms=self._replay.horizon_ms,
        )
        self._replay.use(proof_id(proof.chain_digest, proof.audience, proof.nonce), proof.issued_at_ms, now_ms)
        self._chains.keep(chain, now_ms)  # not before: only the leaf's holder gets a chain in here
        used = self._permit(chain, question.tool, sent, defaults)
        self._recorder.append(self._record(question, None, now_ms), chain.token)
        return self._authorized(question.call_id, chain, question.tool, used)

    def _ask(self, question: Question, sent: Arguments, defaults: Mapping[str, Any]) -> Deciding:
        """Have the service decide and record, before the tool runs."""
        from delegation.wire.authorization import CallToDecide

        try:
            decision: Decision = yield CallToDecide(
                token=question.carriage.token,
                proof=question.carriage.proof,
                audience=self._audience,
                tool=question.tool,
                arguments_json=sent.canonical,
                attempt=self._sources.random(limits.NONCE_BYTES),
                trace=question.trace,
            )
        except DelegationError as error:
            refused = _undecided(error)
            # A record for an audience that is not ours would never be taken, and hold up all others.
            question.decided_by_service = refused.reason is Reason.NOT_YOUR_AUDIENCE
            raise refused from None
        question.call_id = decision.call_id
        if decision.refusal is not None:
            question.decided_by_service = True
            with suppress(Refused):  # whose chain it is, for the span alone
                self._verify(question, self._sources.now_ms())
            raise decision.refusal
        try:
            now_ms = self._sources.now_ms()
            chain = yield from self._verified(question, now_ms)
            self._chains.keep(chain, now_ms)  # the service has checked the proof, and permits nothing without
            # The service has not seen the defaults; and it is not believed more than the chain.
            used = self._permit(chain, question.tool, sent, defaults)
        except Exception:
            self.report(decision.call_id, OutcomeStatus.FAILED)  # permitted there, refused here: it will not run
            question.call_id = self._sources.new_id()
            raise
        return self._authorized(decision.call_id, chain, question.tool, used)

    def _verified(self, question: Question, now_ms: int) -> Generator[Wanted, bool, VerifiedChain]:
        """Verify the chain; if it is refused for a key that is not known here, once more by a newer bundle."""
        try:
            return self._verify(question, now_ms)
        except Refused as refused:
            if not self._trust.may_lack(refused, question.carriage.token) or not (yield Wanted.NEWER_TRUST):
                raise
        return self._verify(question, now_ms)

    def _verify(self, question: Question, now_ms: int) -> VerifiedChain:
        chain = self._trust.verify(question.carriage.token, now_ms=now_ms, revocations=self._feed.state)
        question.chain = chain
        return chain

    def _permit(
        self, chain: VerifiedChain, tool: str, sent: Arguments, defaults: Mapping[str, Any]
    ) -> Mapping[str, Value]:
        """Require that every link permits what was sent, and the tool's defaults for what was not; give both.

        Of an argument that no link mentions the tool is the master, as long as nobody sends it.
        """
        unsent = {name: defaults[name] for name in defaults if name not in sent.values}
        if unsent:
            spoken_of = self._spoken_of(chain, tool)
            unsent = dict(Arguments.of({name: unsent[name] for name in unsent if name in spoken_of}).values)
        authorize(chain, audience=self._audience, tool=tool, arguments=sent, defaults=unsent)
        return {**sent.values, **unsent} if unsent else sent.values

    def _spoken_of(self, chain: VerifiedChain, tool: str) -> set[str]:
        """Give the names of the arguments that any link says something about: a leaf may have dropped one."""
        capabilities = (signed.link.scope.find(self._audience, tool) for signed in chain.links)
        return {name for capability in capabilities if capability for name in capability.arguments or ()}

    def _authorized(self, call_id: bytes, chain: VerifiedChain, tool: str, used: Mapping[str, Value]) -> AuthorizedCall:
        return AuthorizedCall(call_id, chain, audience=self._audience, tool=tool, arguments=used, report=self.report)

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

    def _describe(self, span: Span, call_id: bytes, refused: Refused | None) -> None:
        if span.recording:
            age_ms = self._feed.state.age_ms(self._sources.now_ms(), self._sources.monotonic_ms())
            tracing.describe_decision(span, call_id, refused, feed_age_ms=age_ms)

    def _record(self, question: Question, refused: Refused | None, now_ms: int) -> DecisionRecord:
        position = self._feed.state.position or 0
        return question.record(self._audience, refused, now_ms=now_ms, feed_position=position)


def drive(
    deciding: Deciding, ask: Callable[[CallToDecide], Decision], catch_up: Callable[[], Future[bool]]
) -> AuthorizedCall:
    """Take a decision, asking the service if need be, and for a newer trust bundle. Raises `Refused`."""
    try:
        wanted = next(deciding)
        while True:
            if isinstance(wanted, Wanted):
                wanted = deciding.send(catch_up().result())
                continue
            try:
                decision = ask(wanted)
            except Exception as error:  # noqa: BLE001 - the decider turns all of them into denials
                wanted = deciding.throw(error)
            else:
                wanted = deciding.send(decision)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


async def drive_async(
    deciding: Deciding, ask: Callable[[CallToDecide], Awaitable[Decision]], catch_up: Callable[[], Future[bool]]
) -> AuthorizedCall:
    """Take a decision, asking the service and for a newer trust bundle as `drive` does. Raises `Refused`."""
    try:
        wanted = next(deciding)
        while True:
            if isinstance(wanted, Wanted):
                wanted = deciding.send(await asyncio.wrap_future(catch_up()))
                continue
            try:
                decision = await ask(wanted)
            except Exception as error:  # noqa: BLE001 - the decider turns all of them into denials
                wanted = deciding.throw(error)
            else:
                wanted = deciding.send(decision)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


def _undecided(error: DelegationError) -> Refused:
    """Turn a failure to get a decision into the denial that it is."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, (ServiceUnavailable, Overloaded, StorageError)):
        return refusal(Reason.SERVICE_UNAVAILABLE)
    return refusal(Reason.INTERNAL, detail="the service did not answer the question")
