"""A tool that is not the one that was looked at: real MCP servers, a real service, a catalogue made by an import."""

from __future__ import annotations

import sys

import pytest

from delegation.cli.mcp_listing import live_tools
from delegation.server.catalogue_edit import edited
from delegation.server.catalogue_file import catalogue_of_text
from delegation.server.catalogue_import import imported
from delegation_sdk import AsyncClient, Reason, Scope, tool, under
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in
from support.mcp_files import PROGRAM, over_http
from support.server import running_server

READ = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
labels = ["public"]
"""


@pytest.fixture(scope="module")
def pinned(tmp_path_factory):
    """The catalogue with the manifests of the tools of the server as it was first."""
    home = tmp_path_factory.mktemp("first")
    with running_server(home / "state") as server:
        command = [sys.executable, str(PROGRAM), str(server.profile("tool/files")), str(home)]
        found = imported(catalogue_of_text(READ, "x"), "files", live_tools(command, 60), owner="tests")
    return edited(READ, found.entries.values())


@pytest.fixture(params=["manifest_required = true\n", ""], ids=["required", "told of"])
def server(request, pinned, tmp_path):
    """A service whose catalogue pins the tools; it requires that `read` is the same, or does not."""
    listed = pinned.replace('labels = ["public"]\n', f'labels = ["public"]\n{request.param}', 1)
    (tmp_path / "tools.toml").write_text(listed)
    with running_server(tmp_path / "state", catalogue=tmp_path / "tools.toml") as server:
        server.required = bool(request.param)
        yield server


async def read_with(server, files, *options):
    (files / "note.txt").write_text("remember the milk")
    async with (
        AsyncClient.connect(server.profile("agent/planner")) as client,
        over_http(server, files, *options) as session,
    ):
        task = await client.begin_task("Look", scope=Scope(tool("files", "read", path=under(str(files)), limit=100)))
        return await call_tool(session, task, "files", "read", {"path": str(files / "note.txt"), "limit": 100})


@pytest.mark.spec("T-38")
async def test_the_tool_that_was_looked_at_runs(server, tmp_path):
    answer = await read_with(server, tmp_path)
    assert answer.content[0].text == "remember the milk"


@pytest.mark.spec("T-38")
async def test_a_tool_that_tells_models_something_else_does_not_run_where_the_catalogue_requires_it(server, tmp_path):
    answer = await read_with(server, tmp_path, "--changed")
    if server.required:
        assert refusal_in(answer).reason is Reason.POLICY_DENIED
        assert "pins" in answer.content[0].text
    else:
        assert answer.content[0].text == "remember the milk"
