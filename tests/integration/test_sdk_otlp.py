"""What a program traced reaches a real OTLP receiver, by the standard variables and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

PROGRAM = """
from delegation_sdk import Scope, tool, tracing
from delegation_sdk.testing import Authority

tracing.configure_from_environment()
with Authority(local={("files", "read")}) as authority:
    guard = authority.guard_for("files")
    with authority.client("spiffe://test.example/a").task("x", scope=Scope(tool("files", "read"))) as task:
        helper = task.hand_off("spiffe://test.example/b").hand_off("spiffe://test.example/c")
        with helper.call("files", "read") as call:
            guard.authorize(call.carriage, "read", {})
"""


def spans_of(request):
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


@contextmanager
def receiving_grpc(spans):
    class Sink(TraceServiceServicer):
        def Export(self, request, context):  # noqa: N802 - the contract's name
            spans.extend(spans_of(request))
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(Sink(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(None).wait()


@contextmanager
def receiving_http(spans):
    class Sink(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                spans.extend(spans_of(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run(**environment):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("receiving", "protocol"), [(receiving_grpc, "grpc"), (receiving_http, "http/protobuf")], ids=["grpc", "http"]
)
def test_a_decision_arrives_with_one_link_per_hop(receiving, protocol):
    spans = []
    with receiving(spans) as endpoint:
        run(
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_METRICS_EXPORTER="none",
            OTEL_SERVICE_NAME="test",
        )

    by_id = {(span.trace_id, span.span_id): span for span in spans}
    (decision,) = [span for span in spans if span.name == "authorize read"]
    assert [by_id[link.trace_id, link.span_id].name for link in decision.links] == [
        "invoke_agent spiffe://test.example/a",
        "delegate spiffe://test.example/b",
        "delegate spiffe://test.example/c",
    ]


def test_a_dead_collector_neither_fails_nor_holds_up_the_program():
    run(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", OTEL_EXPORTER_OTLP_TIMEOUT="1")


def test_a_disabled_sdk_stays_disabled():
    assert not run(OTEL_SDK_DISABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
