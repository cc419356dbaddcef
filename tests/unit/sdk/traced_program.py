"""A task, a handoff, a call and its decision in one process, with an SDK that keeps what is told. Prints it as JSON."""

from __future__ import annotations

import json
import sys

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Refused
from delegation_sdk import Scope, tool, under
from delegation_sdk.carriage import Carriage
from delegation_sdk.sources import Sources
from delegation_sdk.testing import Authority

kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
counted = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([counted]))

observed = CatalogueTool(
    "files", "list", frozenset({Effect.READ}), observe_until_ms=Sources.system().now_ms() + 3_600_000
)
with Authority(local={("files", "read")}, tools=[observed]) as authority:
    guard = authority.guard_for("files")
    guard.authorize(Carriage(b"", b""), "list", {"path": "/srv/hush"})
    client = authority.client("spiffe://test.example/agent/planner")
    with client.task("Read", scope=Scope(tool("files", "read", path=under("/srv")))) as task:
        helper = task.hand_off("spiffe://test.example/agent/helper")
        with helper.work():
            sub = helper.hand_off("spiffe://test.example/agent/sub")
            for path in ("/srv/hush", "/etc/hush"):
                with sub.call("files", "read", {"path": path}) as call:
                    carriage = call.carriage
                try:
                    guard.authorize(carriage, "read", call.arguments)
                except Refused as refused:
                    assert refused.link_index == 0  # noqa: PT017
            try:
                guard.authorize(Carriage(b"", carriage.proof, task.digest), "read", call.arguments)
            except Refused as refused:
                assert refused.reason == "chain_unknown"  # noqa: PT017
        links = [[part.hex() for part in signed.link.trace] for signed in sub.links]

sys.stdout.write(
    json.dumps(
        {
            "signed": links,
            "task_id": task.task_id.hex(),
            "secrets": [sub.token.hex(), carriage.proof.hex(), "hush"],
            "counts": [
                [metric.name, dict(point.attributes), getattr(point, "value", None)]
                for resource in counted.get_metrics_data().resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
                for point in metric.data.data_points
            ],
            "spans": [
                {
                    "name": span.name,
                    "kind": span.kind.name,
                    "ids": [f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"],
                    "parent": f"{span.parent.span_id:016x}" if span.parent else None,
                    "ok": span.status.is_ok,
                    "attributes": dict(span.attributes),
                    "links": [
                        [f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}", dict(link.attributes)]
                        for link in span.links
                    ],
                }
                for span in kept.get_finished_spans()
            ],
        }
    )
)
