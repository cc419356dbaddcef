"""OTLP export as the standard `OTEL_*` variables say. Using it needs the extra `service`; importing it does not."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from delegation.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

_FLUSH_MS: Final = 2_000
_GRPC: Final = "grpc"
_PROTOCOLS: Final = (_GRPC, "http/protobuf")


def configure_from_environment(environment: Mapping[str, str] = os.environ) -> None:
    """Set the global providers; a dead collector delays the end of the program by a few seconds at most.

    Raises:
        ConfigError: A variable asks for a protocol that is not OTLP's.
        ImportError: The extra is not installed.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp":
        _export_spans(_protocol(environment, "TRACES"))
    if environment.get("OTEL_METRICS_EXPORTER", "otlp") == "otlp":
        _export_metrics(_protocol(environment, "METRICS"))


def _export_spans(protocol: str) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    spans = TracerProvider(shutdown_on_exit=False)
    spans.add_span_processor(BatchSpanProcessor(_span_exporter(protocol)))
    trace.set_tracer_provider(spans)

    def close() -> None:
        spans.force_flush(_FLUSH_MS)
        spans.shutdown()

    atexit.register(close)


def _export_metrics(protocol: str) -> None:
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    meters = MeterProvider([PeriodicExportingMetricReader(_metric_exporter(protocol))], shutdown_on_exit=False)
    metrics.set_meter_provider(meters)
    atexit.register(meters.shutdown, timeout_millis=_FLUSH_MS)


def _protocol(environment: Mapping[str, str], signal: str) -> str:
    general = environment.get("OTEL_EXPORTER_OTLP_PROTOCOL", _GRPC)
    protocol = environment.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", general)
    if protocol not in _PROTOCOLS:
        raise ConfigError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}: use one of {', '.join(_PROTOCOLS)}")
    return protocol


def _span_exporter(protocol: str) -> SpanExporter:
    if protocol == _GRPC:
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter

        return trace_exporter.OTLPSpanExporter()
    from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_exporter

    return http_exporter.OTLPSpanExporter()


def _metric_exporter(protocol: str) -> MetricExporter:
    if protocol == _GRPC:
        from opentelemetry.exporter.otlp.proto.grpc import metric_exporter

        return metric_exporter.OTLPMetricExporter()
    from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_exporter

    return http_exporter.OTLPMetricExporter()
