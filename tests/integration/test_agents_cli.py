"""`delegation agents`: who is registered and who answers for whom."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from delegation.cli.program import program
from delegation.errors import PermissionDenied
from support.server import identity, running_server, spiffe_id

AGENT = "spiffe://partner.example/agent/translator"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("agents"), identities=[identity("auditor/ada", "auditor")]) as running:
        yield running


@pytest.fixture
def run(server):
    def run(*words, who="developer"):
        arguments = ["agents", *words, "--profile", str(server.profile(who))]
        result = CliRunner().invoke(program(), arguments, catch_exceptions=True)
        if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_an_operator_registers_lists_and_removes_an_agent(run):
    assert "team-languages" in run("register", AGENT, "--owner", "team-languages")
    assert AGENT in run("list")
    (agent,) = json.loads(run("list", "--json", who="auditor/ada"))["agents"]
    assert (agent["agent"], agent["owner"]) == (AGENT, "team-languages")
    assert agent["registered_by"] == spiffe_id("developer")
    run("remove", AGENT)
    assert json.loads(run("list", "--json"))["agents"] == []


def test_who_is_neither_operator_nor_auditor_lists_and_removes_nobody(run):
    with pytest.raises(PermissionDenied):
        run("list", who="agent/planner")
    with pytest.raises(PermissionDenied):
        run("remove", AGENT, who="auditor/ada")
    with pytest.raises(PermissionDenied):
        run("register", AGENT, "--owner", "me", who="agent/planner")
