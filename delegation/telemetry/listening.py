"""Spans and metrics through the OpenTelemetry API. Loaded by `delegation.telemetry` once something could listen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import cache

from opentelemetry import metrics, propagate, trace
from opentelemetry.metrics import Counter, Histogram
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from delegation.telemetry import Attributes, AttributeValue, Kind, SpanIds, names


class _ListenedSpan:
    """A span of the OpenTelemetry API."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._recording = span.is_recording()

    @property
    def recording(self) -> bool:
        return self._recording

    @property
    def ids(self) -> SpanIds | None:
        context = self._span.get_span_context()
        if not context.is_valid:
            return None
        return SpanIds(context.trace_id.to_bytes(16, "big"), context.span_id.to_bytes(8, "big"))

    def set(self, key: str, value: AttributeValue) -> None:
        self._span.set_attribute(key, value)

    def link(self, ids: SpanIds, attributes: Attributes) -> None:
        trace_id, span_id = int.from_bytes(ids.trace_id, "big"), int.from_bytes(ids.span_id, "big")
        context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        self._span.add_link(context, attributes)

    def fail(self, error_type: str) -> None:
        self._span.set_attribute(names.ERROR_TYPE, error_type)
        self._span.set_status(Status(StatusCode.ERROR))


@contextlib.contextmanager
def span(
    name: str, kind: Kind, attributes: Attributes | None, received: Mapping[str, str] | None
) -> Iterator[_ListenedSpan]:
    """Open a span and make it current."""
    # Exceptions are not recorded: their text is not ours to publish.
    with trace.get_tracer(names.SCOPE).start_as_current_span(
        name,
        context=None if received is None else propagate.extract(received),
        kind=SpanKind[kind.upper()],
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        opened = _ListenedSpan(current)
        try:
            yield opened
        except BaseException as error:
            opened.fail(str(getattr(error, "reason", type(error).__qualname__)))
            raise


def current_ids() -> SpanIds | None:
    """Tell where the current span is found."""
    return _ListenedSpan(trace.get_current_span()).ids


def outgoing() -> dict[str, str]:
    """Give the headers that carry the current trace."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def count_decision(audience: str, reason: str | None, duration_ms: float) -> None:
    """Count one decision and how long it took."""
    attributes = {names.AUDIENCE: audience, names.DECISION: names.REFUSED if reason else names.ALLOWED}
    if reason:
        attributes[names.REASON] = reason
    decisions, duration = _decision_instruments()
    decisions.add(1, attributes)
    duration.record(duration_ms / 1000, attributes)


@cache
def _decision_instruments() -> tuple[Counter, Histogram]:
    meter = metrics.get_meter(names.SCOPE)
    return (
        meter.create_counter(names.DECISIONS, unit="{decision}", description="Decisions, by reason of refusal"),
        meter.create_histogram(names.DECISION_DURATION, unit="s", description="How long a decision took"),
    )


def count_unknown_chain(audience: str) -> None:
    """Count a call by reference to a chain that is not known."""
    _unknown_chains().add(1, {names.AUDIENCE: audience})


@cache
def _unknown_chains() -> Counter:
    description = "Calls by reference to a chain that the guard did not know"
    return metrics.get_meter(names.SCOPE).create_counter(names.UNKNOWN_CHAINS, unit="{call}", description=description)
