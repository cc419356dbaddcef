"""A service whose spans are kept, and one call decided by it. Prints the spans as JSON. Run by test_service_spans."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delegation.core.chain import TraceIds
from delegation.core.scope import any_call
from support.caller import Caller, nonce
from support.server import running_server

kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)

remote = f"00-{'ab' * 16}-{'cd' * 8}-01"
signed = [TraceIds(nonce(), nonce()[:8]) for _ in range(2)]
with running_server(Path(sys.argv[1])) as server, Caller.of(server, "agent/planner") as planner:
    task = planner.grant(any_call("files", "read"), trace=signed[0])
    child = planner.hand_off(task, "agent/reader", trace=signed[1])
    kept.clear()
    from delegation.wire.authorization import authorize_request_message

    message = authorize_request_message(child.question("files", "read", {"path": "hunter2"}))
    planner.ask(planner.authorization.Authorize, message, metadata=[("traceparent", remote)])
    planner.decide(child, "files", "write", {})
    spans = [json.loads(span.to_json()) for span in kept.get_finished_spans()]
json.dump(
    {
        "spans": spans,
        "signed": [[ids.trace_id.hex(), ids.span_id.hex()] for ids in signed],
        "token": child.token.hex(),
    },
    sys.stdout,
)
