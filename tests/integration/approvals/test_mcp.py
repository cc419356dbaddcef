"""Step-up for real MCP tools: the refusal names the request that waits; an agent may wait and call in one step."""

from __future__ import annotations

import asyncio

import pytest

from delegation.core.approval_request import ApprovalState
from delegation.core.conditions import approved_by
from delegation.errors import InvalidRequest
from delegation_sdk import AsyncClient, Reason, Scope, tool, under
from delegation_sdk.delegation import Delegation
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in
from support.mcp_files import over_http
from support.server import running_server, spiffe_id

DEADLINE_SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("service")) as server:
        yield server


async def approve_the_next(person, task_id):
    """Look until something waits, as a person does, and approve it."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (found := (await person.approvals.list(pending_only=True, task_id=task_id)).items):
            pass
        return await person.approvals.answer(await person.approvals.get(found[0].request_id), approve=True)


@pytest.mark.spec("H-14")
async def test_a_tool_runs_when_a_person_has_consented_and_not_before(server, tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("remember the milk")
    approval = approved_by(spiffe_id("developer"))
    scope = Scope(tool("files", "write", approval, path=under(str(tmp_path)), text="hello"))
    arguments = {"path": str(note), "text": "hello"}
    async with (
        AsyncClient.connect(server.profile("agent/planner")) as client,
        AsyncClient.connect(server.profile()) as person,
        over_http(server, tmp_path) as session,
        client.task("Write a note", scope=scope) as task,
    ):
        refused = refusal_in(await call_tool(session, task, "files", "write", arguments))
        assert refused.reason is Reason.APPROVAL_REQUIRED
        waiting = await client.approvals.get(refused.approval_request_id)
        assert waiting.state is ApprovalState.PENDING
        assert note.read_text() == "remember the milk"

        answering = asyncio.create_task(approve_the_next(person, task.task_id))
        wrote = await call_tool(session, task, "files", "write", arguments, wait_for_approval="2m")
        assert refusal_in(wrote) is None
        assert note.read_text() == "hello"
        assert (await answering).request_id == waiting.request_id

        again = refusal_in(await call_tool(session, task, "files", "write", arguments))
        assert again.approval_request_id not in (b"", waiting.request_id)

        alone = Delegation(task.token, task.require_key())
        with pytest.raises(InvalidRequest):
            await call_tool(session, alone, "files", "write", arguments, wait_for_approval="2m")
