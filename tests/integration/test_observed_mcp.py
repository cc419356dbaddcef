"""Tools of an MCP server under observation: the answer says so, and what is wrong with a tool does not run either."""

from __future__ import annotations

import contextlib

import pytest
from mcp import Client as McpClient

from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason
from delegation_sdk import AuthorizedCall, ObservedCall, Scope, any_call
from delegation_sdk.integrations.mcp import guarded_server
from delegation_sdk.integrations.mcp_client import call_tool, observed_in, refusal_in
from delegation_sdk.observed_answer import META_KEY
from delegation_sdk.sources import Sources
from delegation_sdk.testing import Authority

PLANNER = "spiffe://test.example/agent/planner"
READ = frozenset({Effect.READ})


@pytest.fixture
def authority():
    until_ms = Sources.system().now_ms() + 3_600_000
    tools = [
        CatalogueTool("files", "read", READ, local=True, observe_until_ms=until_ms),
        CatalogueTool("files", "who", READ, local=True, observe_until_ms=until_ms),
        CatalogueTool(
            *("files", "pinned", READ),
            manifest_digest=bytes(32),
            manifest_required=True,
            observe_until_ms=until_ms,
        ),
    ]
    with Authority(tools=tools) as authority:
        yield authority


@pytest.fixture
def serve(authority):
    """Open a session with a guarded server in this process."""

    @contextlib.asynccontextmanager
    async def serve(**options):
        guard = authority.guard_for("files")
        server = guarded_server(guard, "files", log_level="CRITICAL", **options)

        @server.tool()
        def read(path: str = "/srv/hush") -> str:
            if path == "/gone":
                raise ValueError("no such file")
            return f"read {path}"

        @server.tool()
        @guard.tool("who")
        def who(*, caller: AuthorizedCall | ObservedCall) -> str:
            return "nobody" if isinstance(caller, ObservedCall) else caller.agent

        @server.tool()
        def pinned() -> str:
            return "another than it was"

        @server.tool()
        def unlisted() -> str:
            return "nobody has listed this"

        async with McpClient(server) as session:
            yield session

    return serve


@pytest.mark.spec("A-29")
async def test_the_answer_says_why_it_would_be_refused_and_with_which_id_and_no_argument(authority, serve):
    async with serve() as session:
        answer = await session.call_tool("read", {"path": "/srv/hush"})
    assert answer.content[0].text == "read /srv/hush"
    assert observed_in(answer) is Reason.CHAIN_MISSING
    authority.close()
    (record,) = authority.decisions
    assert answer.meta[META_KEY] == {"reason": "chain_missing", "call_id": record.call_id.hex()}
    assert "hush" not in str(answer.meta)


async def test_a_guarded_function_is_decided_once_and_told_that_nobody_authorized_it(authority, serve):
    async with serve() as session:
        answer = await session.call_tool("who", {})
        assert answer.content[0].text == "nobody"
    authority.close()
    assert [each.observed for each in authority.decisions] == [True]
    assert [str(each.status) for each in authority.outcomes] == ["ok"]


async def test_a_tool_that_fails_under_observation_has_failed(authority, serve):
    async with serve() as session:
        answer = await session.call_tool("read", {"path": "/gone"})
        assert answer.is_error
        assert refusal_in(answer) is None
        assert observed_in(answer) is Reason.CHAIN_MISSING
    authority.close()
    assert [str(each.status) for each in authority.outcomes] == ["failed"]


async def test_benign_a_permitted_call_says_nothing(authority, serve):
    task = authority.client(PLANNER).begin_task("Look", scope=Scope(any_call("files", "who")))
    async with serve() as session:
        answer = await call_tool(session, task, "files", "who")
    assert answer.content[0].text == PLANNER
    assert observed_in(answer) is None


async def test_a_chain_is_sent_again_where_its_digest_finds_nothing(authority, serve):
    """Calls beyond the scope keep no chain with the guard: each next one comes by a digest that is unknown."""
    task = authority.client(PLANNER).begin_task("Look", scope=Scope(any_call("files", "other")))
    async with serve() as session:
        answers = [await call_tool(session, task, "files", "read", {"path": "/srv"}) for _ in range(3)]
    assert [observed_in(answer) for answer in answers] == [Reason.TOOL_NOT_PERMITTED] * 3


@pytest.mark.spec("A-28", "T-38")
async def test_a_tool_that_is_another_one_does_not_run_under_observation_either(authority, serve):
    async with serve() as session:
        answer = await session.call_tool("pinned", {})
    assert refusal_in(answer).reason is Reason.POLICY_DENIED
    assert observed_in(answer) is None


@pytest.mark.spec("A-28")
@pytest.mark.parametrize("catalogue_only", [False, True])
async def test_a_tool_that_is_not_listed_does_not_run(serve, catalogue_only):
    async with serve(catalogue_only=catalogue_only) as session:
        answer = await session.call_tool("unlisted", {})
    assert refusal_in(answer).reason is (Reason.POLICY_DENIED if catalogue_only else Reason.CHAIN_MISSING)
