"""Spans and metrics through the OpenTelemetry API. Loaded by `delegation.telemetry` once something could listen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from opentelemetry import metrics, propagate, trace
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation, UpDownCounter
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from delegation.telemetry import Attributes, AttributeValue, Gauges, Kind, SpanIds, names

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of durations; the API's own are meant for milliseconds."""

_DURATIONS: Final = {
    names.DECISION_DURATION: "How long a decision took",
    names.DECISION_POINT_DURATION: "How long the decision point took for an answer, or was waited for",
    names.RPC_DURATION: "How long an RPC took",
    names.WRITE_DURATION: "From handing a write to the database to knowing it durable",
}
_GAUGES: Final = {
    names.WRITE_QUEUE: ("{write}", "Writes that wait for the database"),
    names.FEED_POSITION: ("{revocation}", "The position of the revocation feed that is known"),
    names.FEED_AGE: ("s", "How old what is known of revocations is"),
    names.CERTIFICATE_LEFT: ("s", "Until the TLS certificate in use expires"),
    names.BUNDLE_LEFT: ("s", "Until the trust bundle in use expires"),
    names.BUNDLE_VERSION: ("{version}", "The version of the trust bundle in use"),
    names.READY: ("1", "Whether the service is ready for work: 1 or 0"),
    names.KEYS_MISSING: ("{purpose}", "Purposes for which the service has no key to sign with"),
}


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


def count_decision(audience: str, reason: str | None, duration_ms: float, *, observed: bool) -> None:
    """Count one decision and how long it took."""
    attributes: dict[str, str | bool] = {
        names.AUDIENCE: audience,
        names.DECISION: names.REFUSED if reason else names.ALLOWED,
    }
    if reason:
        attributes[names.REASON] = reason
    if observed:
        attributes[names.OBSERVED] = True
    _decisions().add(1, attributes)
    _duration(names.DECISION_DURATION).record(duration_ms / 1000, attributes)


@cache
def _decisions() -> Counter:
    description = "Decisions, by reason of refusal"
    return metrics.get_meter(names.SCOPE).create_counter(names.DECISIONS, unit="{decision}", description=description)


def measure(name: str, seconds: float, attributes: Attributes) -> None:
    """Record how long something took."""
    _duration(name).record(seconds, attributes)


@cache
def _duration(name: str) -> Histogram:
    return metrics.get_meter(names.SCOPE).create_histogram(
        name, unit="s", description=_DURATIONS[name], explicit_bucket_boundaries_advisory=_SECONDS
    )


def change_active_rpcs(by: int, attributes: Attributes) -> None:
    """Count an RPC that begins or ends."""
    _active_rpcs().add(by, attributes)


@cache
def _active_rpcs() -> UpDownCounter:
    description = "RPCs under way"
    return metrics.get_meter(names.SCOPE).create_up_down_counter(
        names.RPC_ACTIVE, unit="{call}", description=description
    )


def observe(name: str, gauges: Gauges) -> None:
    """Have a value read whenever metrics are collected."""

    def read(_: CallbackOptions) -> list[Observation]:
        value = gauges.read(name)
        return [] if value is None else [Observation(value)]

    unit, description = _GAUGES[name]
    metrics.get_meter(names.SCOPE).create_observable_gauge(name, [read], unit=unit, description=description)


def count_unknown_chain(audience: str) -> None:
    """Count a call by reference to a chain that is not known."""
    _unknown_chains().add(1, {names.AUDIENCE: audience})


@cache
def _unknown_chains() -> Counter:
    description = "Calls by reference to a chain that the guard did not know"
    return metrics.get_meter(names.SCOPE).create_counter(names.UNKNOWN_CHAINS, unit="{call}", description=description)


def count_break_glass(audience: str) -> None:
    """Count a call that was let pass by a break-glass statement."""
    _break_glass_calls().add(1, {names.AUDIENCE: audience})


@cache
def _break_glass_calls() -> Counter:
    description = "Calls that were let pass by a break-glass statement"
    return metrics.get_meter(names.SCOPE).create_counter(
        names.BREAK_GLASS_CALLS, unit="{call}", description=description
    )


def count_tool_difference(audience: str, difference: str) -> None:
    """Count a tool that begins to differ from the catalogue."""
    _tool_differences().add(1, {names.AUDIENCE: audience, names.DIFFERENCE: difference})


@cache
def _tool_differences() -> Counter:
    description = "Tools that began to differ from the catalogue, by what differs"
    return metrics.get_meter(names.SCOPE).create_counter(names.TOOL_DIFFERENCES, unit="{tool}", description=description)
