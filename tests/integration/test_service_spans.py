"""Spans of the service: one for each RPC in its caller's trace, one for each decision with a link to every hop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    program = [sys.executable, HERE / "traced_service.py", tmp_path_factory.mktemp("traced")]
    done = subprocess.run(program, capture_output=True, env={"PYTHONPATH": str(HERE.parent)}, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # after the service's own log


def named(traced, name):
    return [span for span in traced["spans"] if span["name"] == name]


def test_an_rpc_has_one_span_in_its_callers_trace(traced):
    span, _ = named(traced, "delegation.v1.AuthorizationService/Authorize")
    assert span["context"]["trace_id"] == "0x" + "ab" * 16
    assert span["parent_id"] == "0x" + "cd" * 8
    assert span["kind"] == "SpanKind.SERVER"
    assert span["attributes"]["rpc.system.name"] == "grpc"
    assert span["attributes"]["rpc.method"] == "delegation.v1.AuthorizationService/Authorize"
    assert span["attributes"]["rpc.status_code"] == "OK"


def test_a_decision_has_a_link_to_each_signed_handoff(traced):
    (span,) = named(traced, "authorize read")
    links = [
        [link["context"]["trace_id"].removeprefix("0x"), link["context"]["span_id"].removeprefix("0x")]
        for link in span["links"]
    ]
    assert links == traced["signed"]
    assert span["attributes"]["delegation.decision"] == "allowed"
    assert span["attributes"]["delegation.chain.depth"] == 2
    rpc = named(traced, "delegation.v1.AuthorizationService/Authorize")[0]
    assert span["parent_id"] == rpc["context"]["span_id"]


def test_a_refusal_says_its_reason_and_link(traced):
    (span,) = named(traced, "authorize write")
    assert span["attributes"]["delegation.decision"] == "refused"
    assert span["attributes"]["delegation.reason"] == "tool_not_permitted"
    assert span["attributes"]["delegation.reason.link"] == 0


@pytest.mark.spec("G-3")
def test_no_argument_token_or_principal_is_in_any_span(traced):
    text = json.dumps(traced["spans"])
    assert "hunter2" not in text
    assert traced["token"][:64] not in text
    assert "delegation.principal" in text
