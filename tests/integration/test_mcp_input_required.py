"""A call that lacks approval, over MCP: shown to a person where the client can, and decided by the service alone."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, InputRequiredResult

from delegation.core.approval_request import ApprovalState
from delegation.core.conditions import approved_by
from delegation_sdk import AsyncClient, Reason, Scope, tool, under
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in
from support.mcp_files import over_http, over_stdio
from support.server import running_server, spiffe_id

DEADLINE_SECONDS = 60
TRANSPORTS = pytest.mark.parametrize("over", [over_stdio, over_http])
TOOLS = "".join(
    f'[[tool]]\naudience = "files"\nname = "{name}"\nowner = "files"\neffects = ["{effect}"]\n'
    for name, effect in (("read", "read"), ("write", "write"), ("what_came", "read"))
)
POLICY = """
@id("all") permit (principal, action, resource);
@id("after") @obligation("approve") forbid (principal, action == Action::"call", resource == Tool::"files.write")
when { context.taskTools.contains("files.what_came") };
@id("signed-in") @obligation("authenticate") @acr("phr phrh") @max_age("300")
forbid (principal, action == Action::"call", resource) when { context.tool == "read" };
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("service")
    (directory / "policy.cedar").write_text(POLICY)
    (directory / "tools.toml").write_text(TOOLS)
    files = {"policy": {"file": directory / "policy.cedar"}, "catalogue": directory / "tools.toml"}
    with running_server(directory / "state", **files) as server:
        yield server


class Person:
    """Who sits before an MCP client, and agrees to whatever is shown."""

    def __init__(self, action="accept"):
        self.shown = []
        self._action = action

    async def __call__(self, context, params):
        self.shown.append(params.message)
        return ElicitResult(action=self._action, content={})


@asynccontextmanager
async def a_task(server, directory):
    """A note, a task whose agent may write it if the developer approves, and the two clients."""
    note = directory / "note.txt"
    note.write_text("remember the milk")
    approval = approved_by(spiffe_id("developer"))
    scope = Scope(
        tool("files", "write", approval, path=under(str(directory)), text="hello"),
        tool("files", "what_came", approval),
        tool("files", "read", path=under(str(directory))),
    )
    async with (
        AsyncClient.connect(server.profile("agent/planner")) as client,
        AsyncClient.connect(server.profile()) as approver,
        client.task("Write a note", scope=scope) as task,
    ):
        yield task, note, approver


async def by_hand(session, call, **options):
    """Call as a client that drives the rounds itself."""
    with call:
        meta = call.mcp_meta()
    return await session.session.call_tool(call.tool, call.arguments, meta=meta, allow_input_required=True, **options)


def write(task, note):
    return task.call("files", "write", {"path": str(note), "text": "hello"})


async def approve(approver, request_id):
    return await approver.approvals.answer(await approver.approvals.get(request_id), approve=True)


async def approve_the_next(approver, task):
    """Look until something waits, as a person does, and approve it."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (found := (await approver.approvals.list(pending_only=True, task_id=task.task_id)).items):
            pass
        return await approve(approver, found[0].request_id)


@TRANSPORTS
@pytest.mark.spec("A-33", "H-14")
async def test_a_person_is_shown_what_waits_for_whom_and_the_call_is_sent_again_signed_anew(server, tmp_path, over):
    person = Person()
    async with (
        a_task(server, tmp_path) as (task, note, approver),
        over(server, tmp_path, elicitation_callback=person) as session,
    ):
        asked = await by_hand(session, write(task, note))
        assert isinstance(asked, InputRequiredResult)
        refused = refusal_in(asked)
        assert refused.reason is Reason.APPROVAL_REQUIRED
        message = asked.input_requests["approval"].params.message
        assert refused.approval_request_id.hex() in message
        assert spiffe_id("developer") in message
        assert "hello" not in message
        assert str(note) not in message
        assert refused.approval_request_id.hex() not in asked.request_state  # sealed

        await approve(approver, refused.approval_request_id)
        answers = {"approval": ElicitResult(action="accept", content={})}
        wrote = await by_hand(session, write(task, note), request_state=asked.request_state, input_responses=answers)
        assert refusal_in(wrote) is None
        assert note.read_text() == "hello"

        # What belongs to the guard's question is nothing for the tool.
        asked = await by_hand(session, task.call("files", "what_came"))
        await approve(approver, refusal_in(asked).approval_request_id)
        came = await by_hand(
            session, task.call("files", "what_came"), request_state=asked.request_state, input_responses=answers
        )
        assert came.structured_content["answered"] is False


@TRANSPORTS
@pytest.mark.spec("A-33")
@pytest.mark.parametrize("action", ["accept", "decline"])
async def test_whatever_a_client_answers_is_no_consent(server, tmp_path, over, action):
    person = Person(action)
    async with (
        a_task(server, tmp_path) as (task, note, approver),
        over(server, tmp_path, elicitation_callback=person) as session,
    ):
        # As a client does that knows nothing of proofs: the same once more, with what the person said.
        call = write(task, note)
        refused = refusal_in(await session.call_tool("write", call.arguments, meta=call.mcp_meta()))
        assert len(person.shown) == 1
        assert refused.reason is Reason.PROOF_REPLAYED
        assert "sign the call anew" in refused.detail
        waiting = await approver.approvals.get(refused.approval_request_id)
        assert (waiting.state, waiting.answers) == (ApprovalState.PENDING, ())

        # And as one that signs anew without waiting.
        asked = await by_hand(session, write(task, note))
        answers = {"approval": ElicitResult(action="accept", content={"approved": True})}
        again = await by_hand(session, write(task, note), request_state=asked.request_state, input_responses=answers)
        assert not isinstance(again, InputRequiredResult)  # nobody is asked twice about one call
        assert refusal_in(again).reason is Reason.APPROVAL_REQUIRED
        assert refusal_in(again).approval_request_id == waiting.request_id
        assert note.read_text() == "remember the milk"


@TRANSPORTS
@pytest.mark.spec("H-14")
@pytest.mark.parametrize(
    "client",
    [{"mode": "legacy", "elicitation_callback": Person()}, {"mode": "legacy"}, {}],
    ids=["an older connection", "an older connection without elicitation", "nobody to ask"],
)
async def test_who_cannot_be_asked_has_a_tool_error_as_ever(server, tmp_path, over, client):
    async with a_task(server, tmp_path) as (task, note, _), over(server, tmp_path, **client) as session:
        call = write(task, note)
        result = await session.call_tool("write", call.arguments, meta=call.mcp_meta())
        assert result.is_error
        assert refusal_in(result).reason is Reason.APPROVAL_REQUIRED
        assert refusal_in(result).approval_request_id


@TRANSPORTS
@pytest.mark.spec("H-14")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_clients_of_this_project_wait_by_themselves_and_ask_nobody(server, tmp_path, over, mode):
    person = Person()
    async with (
        a_task(server, tmp_path) as (task, note, approver),
        over(server, tmp_path, mode=mode, elicitation_callback=person) as session,
    ):
        arguments = {"path": str(note), "text": "hello"}
        refused = refusal_in(await call_tool(session, task, "files", "write", arguments))
        assert refused.reason is Reason.APPROVAL_REQUIRED
        answering = asyncio.create_task(approve_the_next(approver, task))
        wrote = await call_tool(session, task, "files", "write", arguments, wait_for_approval="2m")
        assert refusal_in(wrote) is None
        assert (await answering).request_id == refused.approval_request_id
        assert note.read_text() == "hello"
        assert person.shown == []


class Meanwhile:
    """A session before whose first call something else happens in the task."""

    def __init__(self, session, happens):
        self._session = session
        self._happens = happens

    async def call_tool(self, name, arguments, **options):
        if self._happens is not None:
            happens, self._happens = self._happens, None
            await happens()
        return await self._session.call_tool(name, arguments, **options)


@pytest.mark.spec("H-14")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_came_to_need_approval_after_it_was_asked_about_is_waited_for_too(server, tmp_path, mode):
    note = tmp_path / "note.txt"
    scope = Scope(tool("files", "write", path=under(str(tmp_path)), text="hello"), tool("files", "what_came"))
    async with (
        AsyncClient.connect(server.profile("agent/planner")) as client,
        AsyncClient.connect(server.profile()) as approver,
        over_stdio(server, tmp_path, mode=mode, elicitation_callback=Person()) as session,
        client.task("Write a note", scope=scope) as task,
    ):

        async def something_else():
            assert refusal_in(await call_tool(session, task, "files", "what_came")) is None

        arguments = {"path": str(note), "text": "hello"}
        assert await client.approvals.request(task, "files", "write", arguments) is None
        answering = asyncio.create_task(approve_the_next(approver, task))
        meanwhile = Meanwhile(session, something_else)
        wrote = await call_tool(meanwhile, task, "files", "write", arguments, wait_for_approval="2m")
        assert refusal_in(wrote) is None
        assert (await answering).state is ApprovalState.APPROVED
        assert note.read_text() == "hello"


@pytest.mark.spec("A-33")
async def test_after_a_restart_of_the_tool_the_call_is_sent_fresh(server, tmp_path):
    async with a_task(server, tmp_path) as (task, note, approver):
        async with over_http(server, tmp_path, elicitation_callback=Person()) as session:
            asked = await by_hand(session, write(task, note))
        await approve(approver, refusal_in(asked).approval_request_id)
        async with over_http(server, tmp_path, elicitation_callback=Person()) as session:
            with pytest.raises(MCPError, match="requestState"):  # sealed by a process that is gone
                await by_hand(session, write(task, note), request_state=asked.request_state)
            assert note.read_text() == "remember the milk"
            assert refusal_in(await by_hand(session, write(task, note))) is None
            assert note.read_text() == "hello"


@pytest.mark.spec("A-33", "H-14")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_who_has_to_sign_in_is_told_how_as_data(server, tmp_path, mode):
    async with (
        a_task(server, tmp_path) as (task, note, _),
        over_stdio(server, tmp_path, mode=mode, elicitation_callback=Person()) as session,
    ):
        result = await call_tool(session, task, "files", "read", {"path": str(note)})
        told = {"reason": "authentication_required", "acr_values": ["phr", "phrh"], "max_age": 300}
        assert {name: result.structured_content[name] for name in told} == told
        refused = refusal_in(result)
        assert (refused.acr_values, refused.max_age_s) == (("phr", "phrh"), 300)
        assert "task.renew(on_behalf_of=id_token)" in result.content[0].text
