"""`delegation approvals`: a person looks at what waits, sees the exact call, and answers."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from delegation.cli.program import program
from delegation.core.conditions import approved_by
from delegation.core.scope import Scope, any_call
from delegation.errors import ConfigError, Conflict, NotFound, PermissionDenied
from delegation_sdk import Client
from support.server import identity, running_server, spiffe_id

ANN, EVE, PLANNER = "person/ann", "person/eve", "agent/planner"
SCOPE = Scope(any_call("files", "delete", approved_by(spiffe_id(ANN))))
HOSTILE = {"path": "/srv/\x1b[2Jold", "\u202ename": "x\ny"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    people = [identity(who, "approver") for who in (ANN, EVE)]
    with running_server(tmp_path_factory.mktemp("approvals"), identities=people) as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    with Client.connect(server.profile(PLANNER)) as connected:
        yield connected


@pytest.fixture
def run(server, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words, who=ANN, typed=""):
        arguments = ["approvals", *words, "--profile", str(server.profile(who))]
        result = CliRunner().invoke(program(), arguments, input=typed, catch_exceptions=True)
        if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return run


@pytest.fixture
def asked(client):
    """`asked({"path": …})` asks for the approval of a call; give the request, and a task of its own."""

    def ask(arguments, purpose="clean up"):
        request = client.approvals.request(client.begin_task(purpose, scope=SCOPE), "files", "delete", arguments)
        return request.request_id.hex(), request.task_id.hex()

    return ask


def test_what_waits_is_listed_for_whoever_may_answer(run, asked):
    request, task = asked({"path": "/srv/a"})
    listed = run("list", "--task", task)
    assert request in listed
    assert "files.delete" in listed
    assert json.loads(run("list", "--task", task, "--json"))["requests"][0]["request_id"] == request
    assert request not in run("list", "--task", task, who=EVE)
    assert "Nothing waits" in run("list", who=EVE)


def test_the_call_is_shown_with_its_arguments_and_approved_when_asked(run, asked):
    request, _ = asked({"path": "/srv/a", "force": True})
    shown = run("show", request)
    for part in (
        '1 of 2: "force" = true',
        '2 of 2: "path" = "/srv/a"',
        "clean up",
        spiffe_id(PLANNER),
        "approval by 1 of",
    ):
        assert part in " ".join(shown.split())
    assert "Aborted" in run("approve", request, typed="n\n")
    assert json.loads(run("show", request, "--json"))["state"] == "pending"
    approved = run("approve", request, "--because", "it is old", typed="y\n")
    assert '"path" = "/srv/a"' in approved
    assert "approved, and not used yet" in approved
    after = json.loads(run("show", request, "--json"))
    assert (after["state"], after["arguments_json"]) == ("approved", None)
    assert after["answers"][0]["justification"] == "it is old"
    assert "it is old" in run("show", request)


def test_a_request_is_refused_or_withdrawn(run, asked):
    request, _ = asked({"path": "/srv/a"})
    assert "refused" in run("refuse", request, "--yes", "--because", "still needed")
    with pytest.raises(Conflict):
        run("withdraw", request, who=PLANNER)
    request, task = asked({"path": "/srv/a"})
    assert "withdrawn" in run("withdraw", request, who=PLANNER)
    with pytest.raises(Conflict):
        run("approve", request, "--yes")
    assert request not in run("list", "--task", task)
    assert request in run("list", "--task", task, "--all")


def test_somebody_who_is_not_asked_sees_nothing(run, asked):
    request, _ = asked({"path": "/srv/a"})
    for command in (("show", request), ("approve", request, "--yes"), ("refuse", request, "--yes")):
        with pytest.raises(NotFound):
            run(*command, who=EVE)


def test_what_others_have_written_repaints_no_terminal(run, asked):
    request, task = asked(HOSTILE)
    shown = [run("show", request), run("list", "--task", task)]
    shown += [run("refuse", request, "--yes", "--because", "no\x1b[2J\u202e"), run("show", request, who=PLANNER)]
    for printed in shown:
        assert not set(printed) & {"\x1b", "\u202e"}
    assert "\\u202e" in shown[-1]


def test_no_value_looks_like_an_argument_of_its_own(run, asked):
    memo = "thanks" + " " * 53 + "amount = 1" + " " * 62 + 'to = "charity"'
    request, _ = asked({"amount": 100_000, 'path = "/tmp"   note': 1, "memo": memo, "to": "eve", "\u0430mount": 1})
    lines = [line[10:] for line in run("show", request).splitlines()]
    begun = [line for line in lines if line and not line.startswith(" ")]
    assert not [line for line in begun if line.startswith(("amount", "to ", 'path = "/tmp"'))]
    assert len([line for line in begun if " of 5: " in line]) == 5
    assert '"\\u0430mount" = 1' in "".join(lines)


# -- with a key of one's own


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A service that lists a key, and how the command line names that."""
    directory = tmp_path_factory.mktemp("ann")
    with_key = key_options(directory)
    made = CliRunner().invoke(program(), ["approvals", "make-key", *with_key, "--json"])
    people = [identity(ANN, "approver", approval_keys=[json.loads(made.output)["public_key"]])]
    with running_server(tmp_path_factory.mktemp("keyed"), identities=people) as running:
        yield running, with_key


def key_options(directory):
    passphrase = directory / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse\n")
    return ["--key", str(directory / "key"), "--key-passphrase-file", str(passphrase)]


def output_of(*words):
    result = CliRunner().invoke(program(), ["approvals", *words], catch_exceptions=True)
    if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.mark.spec("T-47")
def test_a_person_signs_what_was_shown_with_a_key_of_their_own(keyed):
    server, with_key = keyed
    profile = ("--profile", str(server.profile(ANN)))
    with Client.connect(server.profile(PLANNER)) as client:
        task = client.begin_task("clean up", scope=SCOPE)
        request = client.approvals.request(task, "files", "delete", {"path": "/srv/a"}).request_id.hex()
    with pytest.raises(PermissionDenied):
        output_of("approve", request, "--yes", *profile)
    assert "approved, and not used yet" in output_of("approve", request, "--yes", *with_key, *profile)
    assert json.loads(output_of("show", request, "--json", *profile))["answers"][0]["level"] == "signed"
    assert "with a key of their own" in " ".join(output_of("show", request, *profile).split())


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path):
    options = key_options(tmp_path)
    assert 'approval_keys = ["' in output_of("make-key", *options)
    assert (tmp_path / "key" / "approval.key").stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError):
        output_of("make-key", *options)
