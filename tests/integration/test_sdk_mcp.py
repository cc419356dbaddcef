"""Guarded MCP servers as processes of their own, over stdio and streamable HTTP, against a real service."""

from __future__ import annotations

import pytest

from delegation_sdk import AsyncClient, Reason, Scope, at_most, optional, tool, under
from delegation_sdk.context import META_KEY
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in
from support.mcp_files import over_http, over_stdio
from support.server import running_server

CATALOGUE = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
local = true
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("service")
    (home / "tools.toml").write_text(CATALOGUE)
    with running_server(home / "state", catalogue=home / "tools.toml") as server:
        yield server


@pytest.fixture
def files(tmp_path):
    (tmp_path / "note.txt").write_text("remember the milk")
    return tmp_path


@pytest.fixture
def scope(files):
    return Scope(
        tool("files", "read", path=under(str(files)), limit=optional(at_most(100))),
        tool("files", "write", path=under(str(files)), text="hello"),
        tool("files", "what_came"),
    )


@pytest.mark.parametrize("transport", [over_stdio, over_http])
async def test_tools_run_for_authorized_calls_alone(server, files, scope, transport):
    async with (
        AsyncClient.connect(server.profile("agent/planner")) as client,
        transport(server, files) as session,
    ):
        async with client.task("Look at the notes", scope=scope) as task:
            helper = await task.hand_off("spiffe://test.example/agent/helper")
            note = str(files / "note.txt")

            read = await call_tool(session, helper, "files", "read", {"path": note, "limit": 8})
            assert read.content[0].text == "remember"

            wrote = await call_tool(session, helper, "files", "write", {"path": note, "text": "hello"})
            assert wrote.content[0].text == helper.agent
            assert (files / "note.txt").read_text() == "hello"

            wider = await call_tool(session, helper, "files", "read", {"path": "/etc/passwd", "limit": 8})
            assert refusal_in(wider).reason is Reason.ARGUMENT_REFUSED
            assert refusal_in(wider).link_index == 0
            assert "path under" in wider.content[0].text
            assert len(refusal_in(wider).call_id) == 16  # what `delegation why` asks for

            default = await call_tool(session, helper, "files", "read", {"path": note})
            assert refusal_in(default).field == "read.limit", "1,000 is more than the chain permits"

            coerced = await call_tool(session, helper, "files", "read", {"path": note, "limit": "8"})
            assert refusal_in(coerced).reason is Reason.ARGUMENT_REFUSED

            bare = await session.call_tool("read", {"path": note})
            assert refusal_in(bare).reason is Reason.CHAIN_MISSING

            torn = await session.call_tool("read", {"path": note}, meta={META_KEY: {"chain": "!", "proof": ""}})
            assert refusal_in(torn).reason is Reason.MALFORMED

            call = helper.call("files", "read", {"path": note, "limit": 8})
            first = await session.call_tool("read", call.arguments, meta=call.mcp_meta())
            again = await session.call_tool("read", call.arguments, meta=call.mcp_meta())
            assert refusal_in(first) is None
            assert refusal_in(again).reason is Reason.PROOF_REPLAYED

            seen = await call_tool(session, helper, "files", "what_came", {})
            assert META_KEY not in seen.structured_content["keys"]

            missing = await call_tool(session, helper, "files", "read", {"path": f"{files}/nothing", "limit": 8})
            assert missing.is_error
            assert refusal_in(missing) is None, "that the tool failed is no refusal"

        after = await call_tool(session, helper, "files", "write", {"path": note, "text": "hello"})
        assert refusal_in(after).reason is Reason.TASK_ENDED
