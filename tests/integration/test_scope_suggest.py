"""`delegation scope suggest` on a real service: from recorded calls to a scope that another task gets."""

from __future__ import annotations

import json
import tomllib

import pytest
from structlog.testing import capture_logs

import delegation_sdk
from delegation.cli import exit_codes, main
from delegation.core.notation import scope_from_plain
from delegation_sdk import Client, Guard, Scope, any_call, at_most_calls, between, tool, under
from support.server import running_server

TOOLS = """
[[tool]]
audience = "files"
name = "write"
owner = "team-storage"
effects = ["write"]
record = { path = "plain", size = "plain" }

[[tool]]
audience = "files"
name = "move"
owner = "team-storage"
effects = ["write"]
record = { source = "plain" }
"""
MOVE = tool("files", "move", source=under("/srv"), target=under("/srv"))


@pytest.fixture(autouse=True)
def _service_says_nothing():
    with capture_logs():
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    (folder / "tools.toml").write_text(TOOLS)
    with running_server(folder, catalogue=folder / "tools.toml") as server:
        work(server)
        yield server


def work(server):
    """Two tasks with much too much, and one of another purpose."""
    with (
        Client.connect(server.profile("agent/orchestrator")) as client,
        Guard.connect("files", server.profile("tool/files")) as guard,
    ):

        def call(holder, name, arguments):
            asked = holder.call("files", name, arguments)
            guard.authorize(asked.carriage, name, asked.arguments).report()

        wide = Scope(any_call("files", "write"), MOVE, any_call("files", "remove"))
        for order, pages in (("o-1", 9), ("o-2", 5)):
            task = client.begin_task(f"Report on {order}", scope=wide)
            writer = task.hand_off("spiffe://acme.example/agent/writer", scope=task.scope.only("files", "write"))
            for page in range(pages):
                call(writer, "write", {"path": f"/srv/reports/{order}/{page}.md", "size": 100 + page})
            call(task, "move", {"source": "/srv/reports", "target": f"/srv/{order}"})
        other = client.begin_task("Clean up", scope=wide)
        call(other, "remove", {"path": "/srv"})


@pytest.fixture
def suggest(server, capsys, monkeypatch):
    """`suggest("--purpose", …)` runs the command as the developer and gives exit code, output and errors."""
    monkeypatch.setenv("DELEGATION_PROFILE", str(server.profile()))
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["scope", "suggest", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


WANTED = Scope(
    tool("files", "move", at_most_calls(1), source="/srv/reports", target=under("/srv")),
    tool("files", "write", at_most_calls(9), path=under("/srv/reports"), size=between(100, 108)),
)


def test_the_tightest_scope_that_served_is_printed_as_python_and_was_tried_on_every_call(suggest):
    code, out, _ = suggest("--purpose", "Report on *")
    assert code == 0
    expression, _, rest = out.partition("\n\n")
    assert eval(expression, {name: getattr(delegation_sdk, name) for name in delegation_sdk.__all__}) == WANTED
    rest = " ".join(rest.split())
    assert "It permits 16 of the 16 calls of 2 tasks, 2 of them by covering what was granted." in rest
    assert "files.move 2 calls in 2 tasks arguments as granted, not all recorded of 2 calls" in rest
    assert "cannot be generalised" in rest


def test_toml_and_json_read_back_as_the_same_scope(suggest):
    _, out, _ = suggest("--purpose", "Report on *", "--toml")
    assert scope_from_plain(tomllib.loads(out)["scope"]) == WANTED
    code, out, _ = suggest("--purpose", "Report on *", "--json")
    plain = json.loads(out)
    assert (code, scope_from_plain(plain["scope"])) == (0, WANTED)
    assert plain["trial"] == {
        "calls": 16,
        "permitted": 16,
        "permitted_by_what_was_granted": 2,
        "undecided": 0,
        "refused": [],
    }


def test_the_suggested_scope_serves_the_same_work_and_nothing_beyond(server, suggest):
    with (
        Client.connect(server.profile("agent/orchestrator")) as client,
        Guard.connect("files", server.profile("tool/files")) as guard,
    ):
        task = client.begin_task("Report on o-3", scope=WANTED)
        asked = task.call("files", "write", {"path": "/srv/reports/o-3/1.md", "size": 104})
        guard.authorize(asked.carriage, "write", asked.arguments)
        for name, arguments in (
            ("write", {"path": "/srv/other", "size": 104}),
            ("write", {"path": "/srv/reports/o-3/1.md", "size": 99}),
            ("remove", {"path": "/srv"}),
        ):
            asked = task.call("files", name, arguments)
            with pytest.raises(delegation_sdk.Refused):
                guard.authorize(asked.carriage, name, asked.arguments)


def test_what_was_not_looked_at_is_told(suggest):
    _, out, _ = suggest("--purpose", "Report on *", "--tasks", "1", "--calls", "3")
    assert "which were not looked at" in " ".join(out.split())


@pytest.mark.parametrize("options", [["--purpose", "Sing"], ["--purpose", "Report on *", "--since", "2999-01-01"]])
def test_of_no_such_tasks_nothing_is_suggested(suggest, options):
    code, out, _ = suggest(*options)
    assert code == 0
    assert out.startswith("Nothing to suggest")
    code, out, _ = suggest(*options, "--json")
    assert (code, json.loads(out)["scope"]) == (0, [])


@pytest.mark.parametrize("options", [[], ["--purpose", "x", "--since", "soon"], ["--purpose", "x", "--since", "0d"]])
def test_a_command_line_that_makes_no_sense_is_a_usage_error(suggest, options):
    code, out, err = suggest(*options)
    assert (code, out) == (exit_codes.USAGE, "")
    assert "Error: " in err
