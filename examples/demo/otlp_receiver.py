"""A real OTLP receiver over gRPC, as a collector has it, that keeps the spans it gets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from demo.narration import SurpriseError

_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it was received.

    Attributes:
        process: The `service.name` of whoever sent it.
        ids: Trace id and span id.
        links: The ids of the spans it points to.
    """

    process: str
    name: str
    ids: tuple[bytes, bytes]
    parent: bytes
    links: tuple[tuple[bytes, bytes], ...]
    attributes: dict[str, Any]
    start_ns: int


class OtlpReceiver(TraceServiceServicer):
    """Receives spans on a free port of this machine."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._spans: list[Span] = []
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        add_TraceServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def Export(self, request: Any, context: Any) -> ExportTraceServiceResponse:  # noqa: ARG002, N802 - gRPC's
        """Take what a process exports."""
        with self._arrived:
            for resource in request.resource_spans:
                process = _values(resource.resource.attributes).get("service.name", "")
                self._spans += [_span(process, span) for scope in resource.scope_spans for span in scope.spans]
            self._arrived.notify_all()
        return ExportTraceServiceResponse()

    @property
    def spans(self) -> list[Span]:
        """What has arrived so far."""
        with self._arrived:
            return list(self._spans)

    def wait_for(self, what: str, wanted: Callable[[Span], bool]) -> Span:
        """Wait for a span; exporters send theirs every moment.

        Raises:
            SurpriseError: It did not come in time.
        """
        with self._arrived:
            found = lambda: next(filter(wanted, self._spans), None)  # noqa: E731
            span = self._arrived.wait_for(found, _PATIENCE_S)
        if span is None:
            raise SurpriseError(f"the trace has no {what}")
        return span

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=None)


def _span(process: str, span: Any) -> Span:
    return Span(
        process=process,
        name=span.name,
        ids=(span.trace_id, span.span_id),
        parent=span.parent_span_id,
        links=tuple((link.trace_id, link.span_id) for link in span.links),
        attributes=_values(span.attributes),
        start_ns=span.start_time_unix_nano,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
