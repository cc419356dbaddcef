"""Arguments are kept with decisions as the catalogue says, and seen by those who look back."""

from __future__ import annotations

import pytest

from delegation.core.kept_arguments import digest_of_value
from delegation.core.scope import Scope, any_call
from delegation_sdk import Client
from support.caller import Caller, new_key
from support.server import identity, running_server, spiffe_id

TOOLS = """
[[tool]]
audience = "files"
name = "write"
owner = "team-storage"
effects = ["write"]
record = { path = "plain", reader = "digest" }

[[tool]]
audience = "files"
name = "move"
owner = "team-storage"
effects = ["write"]
"""
WRITE = {"path": "/srv/a", "reader": "ada", "body": "secret"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    (folder / "tools.toml").write_text(TOOLS)
    with running_server(folder, catalogue=folder / "tools.toml") as server:
        yield server


@pytest.fixture(scope="module")
def files(server):
    with Caller.of(server, "agent/files") as caller:
        yield caller


@pytest.fixture(scope="module")
def task(files):
    return files.grant(any_call("files", "write"), any_call("files", "move"))


def recorded(server, decision):
    with Client.connect(server.profile()) as client:
        return client.lineage.explain_call(decision.call_id).call


@pytest.mark.spec("T-36")
def test_what_the_catalogue_names_is_kept_and_nothing_else(server, files, task):
    call = recorded(server, files.decide(task, "files", "write", WRITE))
    assert call.allowed
    assert call.kept.plain == {"path": "/srv/a"}
    assert call.kept.digests == {"reader": digest_of_value(call.call_id, "reader", "ada")}
    assert call.kept.dropped == 1


@pytest.mark.spec("T-36")
def test_of_a_refused_call_the_same_is_kept_if_it_is_the_holders_own(server, files, task):
    narrow = files.hand_off(task, "agent/other", scope=Scope(any_call("files", "move")))
    call = recorded(server, files.decide(narrow, "files", "write", WRITE))
    assert not call.allowed
    assert call.kept.plain == {"path": "/srv/a"}
    stolen = task.proof("files", "write", WRITE, key=new_key())
    assert recorded(server, files.decide(task, "files", "write", WRITE, proof=stolen)).kept is None


def test_where_the_catalogue_names_none_nothing_is_kept(server, files, task):
    assert recorded(server, files.decide(task, "files", "move", WRITE)).kept is None
    assert recorded(server, files.decide(task, "files", "unlisted", WRITE)).kept is None


# -- who reads them --------------------------------------------------------------------------------------------

PEOPLE = [
    identity("agent/planner", "agent", "orchestrator", ceiling="any"),
    *(identity(agent, "agent") for agent in ("agent/writer", "agent/mover")),
    identity("tool/files", "tool", audiences=["files"]),
    identity("tool/mail", "tool", audiences=["mail"]),
    identity("auditor/ada", "auditor"),
]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("listed")
    (folder / "tools.toml").write_text(TOOLS)
    with running_server(folder, catalogue=folder / "tools.toml", identities=PEOPLE) as server:
        yield server


@pytest.fixture(scope="module")
def written(listed):
    """A call of an agent that was handed one tool, in a task of which another agent was handed another tool."""
    with Caller.of(listed, "agent/planner") as planner, Caller.of(listed, "tool/files") as files:
        task = planner.grant(any_call("files", "write"), any_call("files", "move"))
        writer = planner.hand_off(task, spiffe_id("agent/writer"), scope=Scope(any_call("files", "write")))
        planner.hand_off(task, spiffe_id("agent/mover"), scope=Scope(any_call("files", "move")))
        return task.task_id, files.decide(writer, "files", "write", WRITE).call_id


def kept_for(server, path, task_id, call_id):
    with Client.connect(server.profile(path)) as client:
        found = client.lineage.search_calls(task_id=task_id)
        (call,) = [each for each in found.items if each.call_id == call_id]
        explained = client.lineage.explain_call(call_id).call
        assert explained == call
        assert call.arguments_digest
        return call.kept


@pytest.mark.parametrize("path", ["agent/planner", "agent/writer", "tool/files", "auditor/ada"])
def test_who_called_who_began_the_task_the_tool_and_auditors_read_what_was_kept(listed, written, path):
    assert kept_for(listed, path, *written).plain == {"path": "/srv/a"}


def test_an_agent_that_was_handed_another_tool_sees_the_call_and_not_with_what(listed, written):
    assert kept_for(listed, "agent/mover", *written) is None
