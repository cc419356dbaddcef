"""A service with a tool that guards decide themselves and others that it decides, and a delegation to call them by."""

from __future__ import annotations

import pytest

from delegation_sdk import Client, Guard, Peer, Scope, tool, under
from support.server import running_server

SCOPE = Scope(tool("files", "read", path=under("/srv")), tool("files", "write", path=under("/srv")))
CATALOGUE = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
local = true
"""


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("service")
    (home / "tools.toml").write_text(CATALOGUE)
    with running_server(home / "state", catalogue=home / "tools.toml") as server:
        yield server


@pytest.fixture
def guard(server):
    with Guard.connect("files", server.profile("tool/files")) as guard:
        yield guard


@pytest.fixture
def client(server):
    with Client.connect(server.profile("agent/planner")) as client:
        yield client


@pytest.fixture
def task(client):
    with client.task("Look at the notes", scope=SCOPE) as task:
        yield task


@pytest.fixture
def helper(task):
    return task.hand_off("spiffe://test.example/agent/helper")


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture
def forget(guard):
    """Let the guard forget what it knows, as one that restarted or had to make room."""

    def forget():
        for digest in list(guard._chains._kept):
            guard._chains.forget(digest)

    return forget
