"""Attacks through MCP: what the SDK does to arguments after the guard, what comes in `_meta`, what errors say."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import pytest
from mcp import Client as McpClient
from mcp.server.mcpserver import Context
from pydantic import BaseModel, Field

from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason
from delegation_sdk import AuthorizedCall, Scope, any_call, anything, at_most, one_of, optional, tool, under
from delegation_sdk.context import META_KEY
from delegation_sdk.integrations.mcp import guarded_server
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in
from delegation_sdk.testing import Authority

PLANNER = "spiffe://test.example/agent/planner"
HELPER = "spiffe://test.example/agent/helper"


class Options(BaseModel):
    limit: int = 5


@pytest.fixture
def authority():
    writes = CatalogueTool("files", "write", frozenset({Effect.WRITE}))
    with Authority(local={("files", "read"), ("files", "quiet")}, tools=[writes]) as authority:
        yield authority


@pytest.fixture
def ran():
    return []


@pytest.fixture
def served(authority, ran):
    """A guarded server in this process; `ran` tells what its tools were run with."""
    guard = authority.guard_for("files")
    server = guarded_server(guard, "files", log_level="CRITICAL")

    @server.tool()
    def read(
        path: str,
        limit: Annotated[int, Field(default_factory=lambda: 1_000)],
        flag: bool = False,
        tags: list[str] | None = None,
    ) -> str:
        ran.append(("read", path, limit, flag, tags))
        return "read"

    @server.tool()
    @guard.tool("write", effects=["write"])
    def write(path: str, size: int = 7, *, caller: AuthorizedCall) -> str:
        ran.append(("write", path, size, caller.agent))
        return "written"

    @server.tool()
    def secret(path: str) -> str:
        ran.append(("secret", path))
        raise RuntimeError("the tool's own trouble")

    return server


@pytest.fixture
def task(authority):
    read = tool(
        "files",
        "read",
        path=under("/srv"),
        limit=optional(at_most(50)),
        flag=optional(False),
        tags=optional(one_of("a", "b")),
    )
    write = tool("files", "write", path=under("/srv"), size=optional(at_most(9)))
    return authority.client(PLANNER).begin_task("Tidy up", scope=Scope(read, write, any_call("files", "secret")))


async def call(served, delegation, name, arguments):
    async with McpClient(served) as session:
        return await call_tool(session, delegation, "files", name, arguments)


# -- what is not sent


@pytest.mark.spec("A-4")
async def test_a_default_that_the_schema_does_not_tell_is_not_taken_for_harmless(served, authority, ran):
    scope = Scope(tool("files", "read", path=under("/srv"), limit=optional(at_most(50))))
    task = authority.client(PLANNER).begin_task("x", scope=scope)
    dropped = task.hand_off(HELPER, scope=Scope(tool("files", "read", path=under("/srv"))))
    for delegation in (task, dropped):
        result = await call(served, delegation, "read", {"path": "/srv/a"})
        assert refusal_in(result) is not None
    assert not ran, "it would have been 1,000"


async def test_benign_twin_what_is_sent_needs_no_default(served, authority, ran):
    scope = Scope(tool("files", "read", path=under("/srv"), limit=at_most(50)))
    task = authority.client(PLANNER).begin_task("x", scope=scope)
    assert refusal_in(await call(served, task, "read", {"path": "/srv/a", "limit": 5})) is None
    assert ran == [("read", "/srv/a", 5, False, None)]


async def test_benign_twin_a_default_that_nobody_speaks_of_is_the_tools_affair(served, authority, ran):
    task = authority.client(PLANNER).begin_task("x", scope=Scope(tool("files", "read", path=under("/srv"))))
    assert refusal_in(await call(served, task, "read", {"path": "/srv/a"})) is None
    assert ran == [("read", "/srv/a", 1_000, False, None)]


# -- what the SDK would make of what is sent


@pytest.mark.spec("A-4")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read", {"path": "/srv/a", "limit": "5"}),
        ("read", {"path": "/srv/a", "limit": True}),
        ("read", {"path": "/srv/a", "limit": 5.5}),
        ("read", {"path": "/srv/a", "limit": None}),
        ("read", {"path": "/srv/a", "limit": [5]}),
        ("read", {"path": "/srv/a", "limit": 5, "flag": "yes"}),
        ("read", {"path": "/srv/a", "limit": 5, "flag": 0}),
        ("read", {"path": "/srv/a", "limit": 5, "tags": '["c"]'}),
        ("read", {"path": "/srv/a", "limit": 5, "unknown": 1}),
        ("read", {"path": "/srv/a", "limit": 5, "Path": "/etc"}),
        ("read", {"path": "/srv/a\u0000", "limit": 5}),
        ("read", {"path": ["/srv/a"], "limit": 5}),
        ("read", {"path": "/srv/../etc", "limit": 5}),
        ("write", {"path": "/srv/a", "size": 2**60}),
        ("write", {"path": "/srv/a", "caller": {"agent": "root"}}),
        ("write", {"path": "/srv/a", "self": 1}),
    ],
    ids=str,
)
async def test_nothing_runs_that_the_sdk_would_read_otherwise_than_the_guard(served, task, ran, name, arguments):
    with contextlib.suppress(Exception):  # what cannot even be signed is no call
        result = await call(served, task, name, arguments)
        assert result.is_error
    assert not ran


@pytest.mark.parametrize("name", ["Read", "read ", "read\n", "READ", "files.read", "", "read\u200b", "x" * 600])
async def test_a_tool_has_one_name(served, task, ran, name):
    with contextlib.suppress(Exception):
        result = await call(served, task, name, {"path": "/srv/a", "limit": 5})
        assert result.is_error
    assert not ran


@pytest.mark.spec("P-4")
async def test_a_signed_call_of_one_tool_runs_no_other(served, task, ran):
    signed = task.call("files", "read", {"path": "/srv/a", "limit": 5})
    async with McpClient(served) as session:
        for name, arguments in (
            ("write", {"path": "/srv/a"}),
            ("secret", {"path": "/srv/a"}),
            ("read", {"path": "/srv/b", "limit": 5}),
        ):
            result = await session.call_tool(name, arguments, meta=signed.mcp_meta())
            assert refusal_in(result).reason is Reason.PROOF_OTHER_CALL
    assert not ran


# -- what comes in `_meta`


def _members(meta: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {META_KEY: {**meta[META_KEY], **changed}}


@pytest.mark.spec("H-2", "H-3")
@pytest.mark.parametrize(
    "change",
    [
        lambda meta: {META_KEY: None},
        lambda meta: {META_KEY: []},
        lambda meta: {META_KEY: "chain"},
        lambda meta: {META_KEY: 5},
        lambda meta: {META_KEY: {}},
        lambda meta: _members(meta, chain=None),
        lambda meta: _members(meta, chain=5),
        lambda meta: _members(meta, proof=["x"]),
        lambda meta: _members(meta, more="x"),
        lambda meta: _members(meta, chain=meta[META_KEY]["chain"] + "="),
        lambda meta: _members(meta, chain=meta[META_KEY]["chain"] + "\n"),
        lambda meta: _members(meta, proof=" " + meta[META_KEY]["proof"]),
        lambda meta: _members(meta, proof=meta[META_KEY]["proof"].replace("-", "+").replace("_", "/") + "+"),
        lambda meta: _members(meta, chain="A" * 200_000),
        lambda meta: {META_KEY.upper(): meta[META_KEY]},
        lambda meta: {"authorization": "Bearer " + meta[META_KEY]["chain"]},
    ],
    ids=range(16),
)
async def test_a_delegation_of_another_shape_is_none(served, task, ran, change):
    signed = task.call("files", "read", {"path": "/srv/a", "limit": 5})
    async with McpClient(served) as session:
        with contextlib.suppress(Exception):
            result = await session.call_tool("read", signed.arguments, meta=change(signed.mcp_meta()))
            assert result.is_error
    assert not ran


# -- what errors say, and what runs twice


@pytest.mark.spec("X-2")
async def test_a_refusal_says_nothing_that_a_thief_does_not_know(served, task, ran):
    """Who has a token without its key learns neither what it permits nor to whom it belongs."""
    stolen = task.call("files", "read", {"path": "/srv/a", "limit": 5}).mcp_meta()
    async with McpClient(served) as session:
        result = await session.call_tool("read", {"path": "/etc/passwd"}, meta=stolen)
    assert refusal_in(result).reason is Reason.PROOF_OTHER_CALL
    told = result.model_dump_json()
    for secret in ("/srv", "/etc", "planner", stolen[META_KEY]["chain"][:40], stolen[META_KEY]["proof"][:40]):
        assert secret not in told


@pytest.mark.spec("H-14", "X-2")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"path": "/etc/hunter2", "limit": 5}, {"reason": "argument_refused", "layer": "scope", "link_index": 0}),
        ({"path": "/srv/a", "limit": 5, "unknown": "hunter2"}, {"layer": "scope", "link_index": 0}),
        (None, {"reason": "chain_missing", "layer": "proof", "link_index": None}),
    ],
)
async def test_a_refusal_is_an_error_of_the_tool_with_these_members(served, task, ran, arguments, told):
    async with McpClient(served) as session:
        if arguments is None:
            result = await session.call_tool("read", {"path": "/srv/hunter2"})
        else:
            result = await call_tool(session, task, "files", "read", arguments)
    members = result.structured_content
    assert result.is_error
    words = {"field", "parent", "child", "detail"}
    assert members.keys() == words | {"reason", "layer", "link_index", "call_id"}
    assert told.items() <= members.items()
    assert all(isinstance(members[word], str) for word in words)
    assert len(bytes.fromhex(members["call_id"])) == 16
    assert "hunter2" not in result.model_dump_json()
    assert not ran


@pytest.mark.spec("H-4")
async def test_a_tool_sees_neither_chain_nor_proof(authority):
    server = guarded_server(authority.guard_for("files"), "files", log_level="CRITICAL")
    seen = []

    @server.tool()
    def quiet(path: str, context: Context) -> str:
        seen.append((context.request_context.meta, context.request_context.params))
        return "done"

    task = authority.client(PLANNER).begin_task("x", scope=Scope(any_call("files", "quiet")))
    signed = task.call("files", "quiet", {"path": "/srv/a"})
    async with McpClient(server) as session:
        meta = {"io.example/own": "stays", **signed.mcp_meta()}
        assert not (await session.call_tool("quiet", signed.arguments, meta=meta)).is_error
    told = repr(seen)
    assert "stays" in told
    for hidden in (META_KEY, *signed.mcp_meta()[META_KEY].values()):
        assert hidden not in told


@pytest.mark.spec("P-8")
async def test_one_authorized_call_runs_its_tool_once(served, task, ran):
    signed = task.call("files", "write", {"path": "/srv/a", "size": 5})
    async with McpClient(served) as session:
        first = await session.call_tool("write", signed.arguments, meta=signed.mcp_meta())
        again = await session.call_tool("write", signed.arguments, meta=signed.mcp_meta())
    assert refusal_in(first) is None
    assert refusal_in(again).reason is Reason.PROOF_REPLAYED
    assert ran == [("write", "/srv/a", 5, PLANNER)]


async def test_a_tool_that_fails_is_an_error_and_no_refusal(served, task):
    result = await call(served, task, "secret", {"path": "/srv/a"})
    assert result.is_error
    assert refusal_in(result) is None


async def test_arguments_that_anything_permits_still_run_as_they_were_signed(authority, ran):
    guard = authority.guard_for("files")
    server = guarded_server(guard, "files", log_level="CRITICAL")

    @server.tool()
    def quiet(options: Options) -> str:
        ran.append(options.limit)
        return "done"

    scope = Scope(tool("files", "quiet", options=anything()))
    task = authority.client(PLANNER).begin_task("x", scope=scope)
    assert refusal_in(await call(server, task, "quiet", {"options": {"limit": 3}})) is None
    assert ran == [3]
