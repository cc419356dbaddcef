"""The one way to OpenTelemetry: spans and counts that cost nothing while nobody listens.

The OpenTelemetry API is loaded when something could listen, that is, when the program itself has loaded it or names a
provider in its environment. Until then a span is a shared object that does nothing.

This never exports anything and never configures an exporter.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, Literal, Protocol

from delegation.core.named_tuple import NamedTuple
from delegation.telemetry import names

Kind = Literal["internal", "client", "server"]
AttributeValue = str | int | bool | float
Attributes = Mapping[str, AttributeValue]

_PRINCIPAL_KEY_VARIABLE: Final = "DELEGATION_TELEMETRY_KEY"
_PROVIDER_NAMED: Final = "OTEL_PYTHON_TRACER_PROVIDER" in os.environ
"""Whether the environment that this process was started in names a provider."""


class SpanIds(NamedTuple):
    """Where a span is found.

    Attributes:
        trace_id: W3C trace id, 16 bytes.
        span_id: W3C span id, 8 bytes.
    """

    trace_id: bytes
    span_id: bytes


class Span(Protocol):
    """A span that may or may not be listened to."""

    @property
    def ids(self) -> SpanIds | None:
        """Where it is found; None if nothing traces."""

    @property
    def recording(self) -> bool:
        """Whether attributes go anywhere: ask before computing an expensive one."""

    def set(self, key: str, value: AttributeValue) -> None:
        """Set an attribute, by a name of `names`."""

    def link(self, ids: SpanIds, attributes: Attributes) -> None:
        """Point to another span."""

    def fail(self, error_type: str) -> None:
        """Mark the span as failed, by a stable word and never by a text that may hold a value."""


class _SilentSpan:
    """What a span is when nobody listens."""

    ids: SpanIds | None = None
    recording = False

    def set(self, key: str, value: AttributeValue) -> None:
        pass

    def link(self, ids: SpanIds, attributes: Attributes) -> None:
        pass

    def fail(self, error_type: str) -> None:
        pass

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        pass


_SILENT: Final = _SilentSpan()


def listened() -> bool:
    """Tell whether anything in this process could listen to a span or a metric."""
    return "opentelemetry.trace" in sys.modules or _PROVIDER_NAMED


def span(
    name: str,
    *,
    kind: Kind = "internal",
    attributes: Attributes | None = None,
    received: Mapping[str, str] | None = None,
) -> contextlib.AbstractContextManager[Span]:
    """Open a span and make it current; leaving the context ends it, and an exception marks it by its type.

    Args:
        name: Operation and object, as in `authorize read_file`.
        kind: Its place in the conversation between processes.
        attributes: By names of `names`.
        received: What the other side sent of its `outgoing()`; the span continues its trace.
    """
    if not listened():
        return _SILENT
    from delegation.telemetry import listening  # loads the API

    return listening.span(name, kind, attributes, received)


def outgoing() -> dict[str, str]:
    """Give the headers that carry the current trace to another process; empty if nothing traces."""
    if not listened():
        return {}
    from delegation.telemetry import listening  # loads the API

    return listening.outgoing()


def current_ids() -> SpanIds | None:
    """Tell where the current span is found; None if there is none."""
    if not listened():
        return None
    from delegation.telemetry import listening  # loads the API

    return listening.current_ids()


def count_decision(*, audience: str, reason: str | None, duration_ms: float, observed: bool = False) -> None:
    """Count one decision and how long it took, if anything listens.

    Args:
        audience: For whom it was decided.
        reason: Why it was refused; None if it was allowed.
        duration_ms: How long deciding took.
        observed: Whether it was refused and ran all the same.
    """
    if not listened():
        return
    from delegation.telemetry import listening  # loads the API

    listening.count_decision(audience, reason, duration_ms, observed=observed)


def count_unknown_chain(*, audience: str) -> None:
    """Count a call by reference to a chain that is not known, if anything listens. It is no decision.

    Args:
        audience: At whose guard.
    """
    if not listened():
        return
    from delegation.telemetry import listening  # loads the API

    listening.count_unknown_chain(audience)


def count_break_glass(*, audience: str) -> None:
    """Count a call that was let pass by a break-glass statement, if anything listens.

    Args:
        audience: At whose guard.
    """
    if not listened():
        return
    from delegation.telemetry import listening  # loads the API

    listening.count_break_glass(audience)


def count_tool_difference(*, audience: str, difference: str) -> None:
    """Count a tool that begins to differ from the catalogue, if anything listens.

    Args:
        audience: Whose tool it is.
        difference: In what.
    """
    if not listened():
        return
    from delegation.telemetry import listening  # loads the API

    listening.count_tool_difference(audience, difference)


def measure(name: str, seconds: float, attributes: Attributes) -> None:
    """Record how long something took, if anything listens.

    Args:
        name: `names.RPC_DURATION`, `names.WRITE_DURATION` or `names.DECISION_POINT_DURATION`.
        seconds: how long.
        attributes: by names of `names`.
    """
    if not listened():
        return
    from delegation.telemetry import listening  # loads the API

    listening.measure(name, seconds, attributes)


def change_active_rpcs(by: int, method: str) -> None:
    """Count an RPC that begins (1) or ends (-1), if anything listens."""
    if not listened():
        return
    from delegation.telemetry import listening  # loads the API

    listening.change_active_rpcs(by, {names.RPC_METHOD: method})


class Gauges:
    """Values that are read when somebody collects metrics, until they are closed; nothing if nothing listens.

    Args:
        values: by names of `names`: what gives the value now, or None if there is none.
    """

    def __init__(self, values: Mapping[str, Callable[[], float | None]]) -> None:
        self._values = dict(values)
        if listened():
            from delegation.telemetry import listening  # loads the API

            for name in values:
                listening.observe(name, self)

    def read(self, name: str) -> float | None:
        """Give the value now; None if there is none, or no more."""
        value = self._values.get(name)
        return None if value is None else value()

    def close(self) -> None:
        """Give no more values: what they are read from is going away."""
        self._values.clear()


def principal_hash(issuer: str, subject: str) -> str:
    """A keyed hash of a principal, so that spans can be grouped by it and do not name it.

    The key is `DELEGATION_TELEMETRY_KEY`, to be the same wherever hashes are compared; without it, one of this process.
    """
    import hmac

    return hmac.new(_principal_key(), f"{len(issuer)}:{issuer}{subject}".encode(), "sha256").hexdigest()[:32]


@cache
def _principal_key() -> bytes:
    given = os.environ.get(_PRINCIPAL_KEY_VARIABLE, "").encode()
    return given or os.urandom(32)
