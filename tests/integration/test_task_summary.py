"""`delegation trace --summary` on a real service: who did what, was refused what, spent what; what tools declare."""

from __future__ import annotations

import contextlib
import json

import pytest
from structlog.testing import capture_logs

from delegation.cli import exit_codes, main
from delegation_sdk import Client, Guard, OutcomeStatus, Refused, Scope, at_most, at_most_calls, budget, tool
from support.server import running_server, spiffe_id

PAYER = spiffe_id("agent/payer")
SCOPE = Scope(tool("billing", "refund", budget("amount", "100.00"), at_most_calls(9), amount=at_most("50.00")))


@pytest.fixture(autouse=True)
def _service_says_nothing():
    with capture_logs():
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("service")) as server:
        yield server


@pytest.fixture(scope="module")
def task_id(server):
    """Four refunds by a payer: two paid, one failed, one refused."""
    with (
        Client.connect(server.profile("agent/orchestrator")) as client,
        Guard.connect("billing", server.profile("tool/billing")) as guard,
    ):
        task = client.begin_task("Refund", scope=SCOPE)
        payer = task.hand_off(PAYER)
        for amount, status in ((20, "ok"), (30.5, "ok"), (10, "failed"), (51, "")):
            asked = payer.call("billing", "refund", {"amount": amount})
            with contextlib.suppress(Refused):
                call = guard.authorize(asked.carriage, "refund", asked.arguments)
                impact = {"refunded": str(amount), "resource": f"order {amount}"} if status == "ok" else {}
                call.report(OutcomeStatus(status), **impact)
    return task.task_id.hex()  # the guard has sent all outcomes when it is closed


@pytest.fixture
def trace(server, capsys, monkeypatch):
    monkeypatch.setenv("DELEGATION_PROFILE", str(server.profile()))
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["trace", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_task_is_summed_up_for_people(trace, task_id):
    code, out, _ = trace(task_id, "--summary")
    assert code == 0
    assert "3 permitted, 1 refused" in out
    assert "made no calls" in out  # the orchestrator
    assert "✓ billing.refund  3 times" in out
    assert "✗ billing.refund  argument_refused  once" in out
    assert "2 ended well, 1 failed" in out
    assert "50.5 of 100 amount of billing.refund" in out
    assert "3 of 9 calls of billing.refund" in out
    assert "refunded  50.5  by 2 calls" in out
    assert "resource  order 20, order 30.5  by 2 calls" in out


def test_and_as_plain_data(trace, task_id):
    code, out, _ = trace(task_id, "--summary", "--json")
    plain = json.loads(out)
    assert (code, plain["permitted"], plain["refused"]) == (0, 3, 1)
    assert [agent["links"] for agent in plain["agents"]] == [1, 1]
    assert plain["agents"][1]["outcomes"] == {"failed": 1, "ok": 2}
    assert plain["impact"]["refunded"] == {"calls": 2, "amount": "50.5", "names": [], "more_names": False}
    assert {(each["link_index"], each["argument"], each["used"]) for each in plain["spending"]} >= {
        (0, "amount", "50.5"),
        (0, "", "3"),
    }


def test_a_summary_is_of_one_task_that_is_there(trace):
    assert trace("--summary")[0] == exit_codes.USAGE
    assert trace("00" * 16, "--summary")[0] == exit_codes.REFUSED
