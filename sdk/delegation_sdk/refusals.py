"""What becomes of a call that is refused: it is recorded, and runs all the same if its tool is under observation.

No I/O here: records wait in the recorder's queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delegation.core.records import DecisionRecord, OutcomeStatus
from delegation.errors import Refused
from delegation.telemetry import Span
from delegation_sdk import tracing
from delegation_sdk.feed import FeedWatcher
from delegation_sdk.log import warn
from delegation_sdk.observed_call import ObservedCall
from delegation_sdk.observing import Observer
from delegation_sdk.question import Question
from delegation_sdk.recorder import Recorder
from delegation_sdk.served_call import Report
from delegation_sdk.sources import Sources


class Refusals:
    """Settles the refused calls of one audience's tools.

    Args:
        audience: Whom the tools speak for.
        observer: Tells which refused calls run all the same.
        recorder: Where decisions go.
        report: Queues what came of a call.
        feed: The revocation feed: its position is recorded.
        sources: The clocks.
        fulfils: The obligations that the tools fulfil.
    """

    def __init__(
        self,
        audience: str,
        *,
        observer: Observer,
        recorder: Recorder,
        report: Report,
        feed: FeedWatcher,
        sources: Sources,
        fulfils: tuple[str, ...],
    ) -> None:
        self._audience = audience
        self._observer = observer
        self._recorder = recorder
        self._report = report
        self._feed = feed
        self._sources = sources
        self._fulfils = fulfils

    def settle(self, question: Question, refused: Refused, arguments: Mapping[str, Any], span: Span) -> ObservedCall:
        """Record a refusal and raise it; where the tool is under observation, give the call that runs all the same.

        Args:
            question: The call, and what has become known of it.
            refused: Why not.
            arguments: As the caller sent them.
            span: The decision's span.

        Raises:
            Refused: The call does not run.
        """
        refused.call_id = question.call_id
        if self._observer.lets_run(question, refused):
            try:
                return self._observe(question, refused, arguments, span)
            except Refused as unrecorded:  # and so it does not run
                refused = unrecorded
        if question.permitted_as or question.observed_by_service:  # the service has recorded that it runs
            self._report(question.permitted_as or question.call_id, OutcomeStatus.FAILED, ())
        self._deny(question, refused, span)
        raise refused from None

    def _observe(self, question: Question, refused: Refused, arguments: Mapping[str, Any], span: Span) -> ObservedCall:
        """Record that a refused call runs, and give it. Raises `Undecided`, RECORD_BACKLOG."""
        if not question.decided_by_service:
            self._recorder.append(self._record(question, refused, observed=True), _token(question))
        if question.permitted_as:  # it runs as what is recorded here; what was reserved for it stays spent
            self._report(question.permitted_as, OutcomeStatus.UNKNOWN, ())
        self._describe(span, question, refused, observed=True)
        return ObservedCall(
            question.call_id,
            refused.with_traceback(None),  # its frames hold chain and proof
            audience=self._audience,
            tool=question.tool,
            arguments=question.sent.values if question.sent else arguments,
            report=self._report,
            obligations=self._fulfils,
        )

    def _deny(self, question: Question, refused: Refused, span: Span) -> None:
        refused.call_id = question.call_id
        self._describe(span, question, refused, observed=False)
        if question.decided_by_service:
            return
        try:
            self._recorder.append(self._record(question, refused, observed=False), _token(question))
        except Refused:
            warn("a denial could not be recorded: the queue is full")

    def _record(self, question: Question, refused: Refused, *, observed: bool) -> DecisionRecord:
        now_ms, position = self._sources.now_ms(), self._feed.state.position or 0
        return question.record(self._audience, refused, now_ms=now_ms, feed_position=position, observed=observed)

    def _describe(self, span: Span, question: Question, refused: Refused, *, observed: bool) -> None:
        if question.chain is not None:
            tracing.describe_chain(span, question.chain)
        if span.recording:
            age_ms = self._feed.state.age_ms(self._sources.now_ms(), self._sources.monotonic_ms())
            tracing.describe_decision(span, question.call_id, refused, feed_age_ms=age_ms, observed=observed)


def _token(question: Question) -> bytes:
    """Give the verified chain that a record names; nothing is recorded of one that is not."""
    return question.chain.token if question.chain else b""
