"""Arguments are kept with decisions as the catalogue says, and seen by those who look back."""

from __future__ import annotations

import pytest

from delegation.core.kept_arguments import digest_of_value
from delegation.core.scope import Scope, any_call
from delegation_sdk import Client
from support.caller import Caller, new_key
from support.server import running_server

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
