"""Chains by reference over MCP: servers as processes of their own, over stdio and streamable HTTP."""

from __future__ import annotations

import pytest

from delegation_sdk import Reason, Scope, tool, under
from delegation_sdk.context import META_KEY
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in
from support.mcp_files import over_http, over_stdio


class Overheard:
    """A session, and what goes over it."""

    def __init__(self, session):
        self.session = session
        self.sent = []

    async def call_tool(self, name, arguments, *, meta, **options):
        self.sent.append("+".join(sorted(meta[META_KEY].keys() - {"proof"})))
        return await self.session.call_tool(name, arguments, meta=meta, **options)


@pytest.mark.spec("H-14")
@pytest.mark.parametrize("transport", [over_stdio, over_http])
async def test_mcp_sends_a_chain_once_in_a_session_and_again_when_it_is_not_found(server, client, tmp_path, transport):
    (tmp_path / "note.txt").write_text("remember the milk")
    here = str(tmp_path)
    scope = Scope(tool("files", "read", path=under(here), limit=8), tool("files", "write", path=under(here), text="hi"))
    task = client.begin_task("Look at the notes", scope=scope)
    first, second, third = (task.hand_off(f"spiffe://test.example/agent/{number}") for number in range(3))
    note = f"{here}/note.txt"
    async with transport(server, tmp_path, "--keep=2") as plain:
        session = Overheard(plain)

        async def read(delegation, path=note):
            return await call_tool(session, delegation, "files", "read", {"path": path, "limit": 8})

        for delegation in (first, first, second, first, second):
            assert (await read(delegation)).content[0].text == "remember"
        assert session.sent == ["chain", "chain_digest", "chain", "chain_digest", "chain_digest"]

        session.sent.clear()
        for delegation in (third, first, third):  # the server has room for two
            assert (await read(delegation)).content[0].text == "remember"
        assert session.sent == ["chain", "chain_digest", "chain", "chain_digest"]

        session.sent.clear()
        refused = refusal_in(await read(third, "/etc/passwd"))
        assert (refused.reason, len(refused.call_id), session.sent) == (Reason.ARGUMENT_REFUSED, 16, ["chain_digest"])
        wrote = await call_tool(session, third, "files", "write", {"path": note, "text": "hi"})
        assert wrote.content[0].text == third.agent
        failed = await read(third, f"{here}/nothing")
        assert failed.is_error
        assert refusal_in(failed) is None
        assert session.sent == ["chain_digest"] * 3

        # As a client in another language: what is refused, how, and what to do.
        call = second.call("files", "read", {"path": note, "limit": 8})
        meta = call.mcp_meta()[META_KEY]
        digest = {"chain_digest": "A" * 43, "proof": meta["proof"]}
        answer = await plain.call_tool("read", call.arguments, meta={META_KEY: digest})
        told = answer.structured_content
        assert (answer.is_error, told["reason"], told["layer"], told["call_id"]) == (
            True,
            "chain_unknown",
            "availability",
            "",
        )
        both = await plain.call_tool("read", call.arguments, meta={META_KEY: {**digest, **meta}})
        assert refusal_in(both).reason is Reason.MALFORMED
        assert refusal_in(await plain.call_tool("read", call.arguments, meta=call.mcp_meta())) is None

    task.complete()


async def test_a_new_session_begins_with_the_chain(server, client, tmp_path):
    (tmp_path / "note.txt").write_text("remember the milk")
    scope = Scope(tool("files", "read", path=under(str(tmp_path)), limit=8))
    with client.task("Look at the notes", scope=scope) as task:
        for _ in range(2):
            async with over_stdio(server, tmp_path) as plain:
                session = Overheard(plain)
                for _ in range(2):
                    arguments = {"path": f"{tmp_path}/note.txt", "limit": 8}
                    result = await call_tool(session, task, "files", "read", arguments)
                    assert result.content[0].text == "remember"
                assert session.sent == ["chain", "chain_digest"]
