"""In processes of their own: a tracer provider is set once in a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def traced():
    done = subprocess.run(
        [sys.executable, HERE / "traced_program.py"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def spans(traced, name):
    return [span for span in traced["spans"] if span["name"] == name]


def test_task_handoff_call_and_decision_have_their_spans(traced):
    names = [span["name"] for span in traced["spans"]]

    assert names.count("invoke_agent spiffe://test.example/agent/planner") == 1
    assert names.count("invoke_agent spiffe://test.example/agent/helper") == 1
    assert names.count("delegate spiffe://test.example/agent/helper") == 1
    assert names.count("delegate spiffe://test.example/agent/sub") == 1
    assert names.count("execute_tool read") == 2
    assert names.count("authorize read") == 2


def test_the_ids_of_a_handoffs_span_are_signed_into_its_link(traced):
    (delegate,) = spans(traced, "delegate spiffe://test.example/agent/sub")
    (task,) = spans(traced, "invoke_agent spiffe://test.example/agent/planner")

    assert delegate["ids"] == traced["signed"][2]
    assert task["ids"] == traced["signed"][0]


def test_a_decision_links_to_every_hop(traced):
    for decision in spans(traced, "authorize read"):
        assert [[trace_id, span_id] for trace_id, span_id, _ in decision["links"]] == traced["signed"]
        assert [attributes["delegation.link.index"] for *_, attributes in decision["links"]] == [0, 1, 2]


def test_a_decision_says_what_was_decided_and_why(traced):
    allowed, refused = spans(traced, "authorize read")

    assert allowed["attributes"]["delegation.decision"] == "allowed"
    assert allowed["attributes"]["delegation.chain.depth"] == 3
    assert allowed["attributes"]["delegation.task.id"] == traced["task_id"]
    assert refused["attributes"]["delegation.decision"] == "refused"
    assert refused["attributes"]["delegation.reason"] == "argument_refused"
    assert refused["attributes"]["delegation.reason.link"] == 0
    assert refused["attributes"]["error.type"] == "argument_refused"
    assert not refused["ok"]


def test_a_handed_off_agents_work_is_linked_to_the_handoff(traced):
    (work,) = spans(traced, "invoke_agent spiffe://test.example/agent/helper")

    assert work["links"][0][:2] == traced["signed"][1]


@pytest.mark.spec("G-3")
def test_no_span_holds_a_secret_or_an_argument(traced):
    told = json.dumps(traced["spans"])

    for secret in traced["secrets"]:
        assert secret not in told
    assert "agent/planner" not in json.dumps([s["attributes"].get("delegation.principal") for s in traced["spans"]])


@pytest.mark.spec("H-11")
def test_a_reference_to_nothing_is_counted_by_itself_and_is_no_decision(traced):
    counts = {
        (name, attributes.get("delegation.reason")): value
        for name, attributes, value in traced["counts"]
        if value is not None
    }
    assert counts == {
        ("delegation.decisions", None): 1,
        ("delegation.decisions", "argument_refused"): 1,
        ("delegation.decisions", "chain_missing"): 1,
        ("delegation.chains.unknown", None): 1,
    }


SILENT = """
import sys
from delegation_sdk import Scope, tool
from delegation_sdk.testing import Authority

with Authority(local={("files", "read")}) as authority:
    guard = authority.guard_for("files")
    with authority.client("spiffe://test.example/a").task("x", scope=Scope(tool("files", "read"))) as task:
        with task.hand_off("spiffe://test.example/b").call("files", "read") as call:
            guard.authorize(call.carriage, "read", {}).report()
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
assert "grpc" not in sys.modules
"""

WITHOUT_SDK = """
import sys
sys.modules["opentelemetry.sdk"] = None
from delegation.errors import ConfigError
from delegation_sdk.tracing import configure_from_environment
try:
    configure_from_environment()
except ConfigError as error:
    assert "delegation-chain[service]" in str(error), error
else:
    raise SystemExit("configured without an SDK")
"""


@pytest.mark.parametrize("program", [SILENT, WITHOUT_SDK], ids=["nobody listens", "no SDK installed"])
def test_without_telemetry(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr


@pytest.mark.spec("A-29")
def test_a_refused_call_that_ran_says_so_and_is_no_failure(traced):
    (ran,) = spans(traced, "authorize list")
    attributes = ran["attributes"]
    assert (attributes["delegation.decision"], attributes["delegation.reason"]) == ("refused", "chain_missing")
    assert attributes["delegation.observed"] is True
    assert ran["ok"]
    assert all("delegation.observed" not in each["attributes"] for each in spans(traced, "authorize read"))
    decisions = [each for name, each, _ in traced["counts"] if name == "delegation.decisions"]
    (counted,) = [each for each in decisions if "delegation.observed" in each]
    assert (counted["delegation.observed"], counted["delegation.reason"]) == (True, "chain_missing")
