"""A real OTLP receiver over gRPC, for tests: keeps what arrives.

with otlp_receiver() as received:
    …                                    # export to received.endpoint
    received.points("delegation.decisions")
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)


class Received(TraceServiceServicer, MetricsServiceServicer):
    """What has arrived.

    Attributes:
        endpoint: where to export to.
        spans, metrics: the requests, as they came.
    """

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the contract's name, of both
        if isinstance(request, ExportTraceServiceRequest):
            self.spans.append(request)
            return ExportTraceServiceResponse()
        self.metrics.append(request)
        return ExportMetricsServiceResponse()

    def points(self, name: str) -> list[tuple[dict[str, str], Any]]:
        """Give the latest points of a metric: their attributes, and the point."""
        latest: list[tuple[dict[str, str], Any]] = []
        for request in self.metrics:
            for metric in _metrics(request):
                if metric.name == name:
                    data = getattr(metric, metric.WhichOneof("data"))
                    latest = [
                        ({each.key: each.value.string_value for each in point.attributes}, point)
                        for point in data.data_points
                    ]
        return latest

    def names(self) -> set[str]:
        """Name every metric that has arrived."""
        return {metric.name for request in self.metrics for metric in _metrics(request)}

    def text(self) -> str:
        """Give everything as text, to look for what must not be in it."""
        return "\n".join(map(str, [*self.spans, *self.metrics]))


def _metrics(request: ExportMetricsServiceRequest) -> list[Any]:
    return [metric for each in request.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]


@contextmanager
def otlp_receiver() -> Iterator[Received]:
    """Receive, on a port of its own."""
    received = Received()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(received, server)
    add_MetricsServiceServicer_to_server(received, server)
    received.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield received
    finally:
        server.stop(None).wait()
