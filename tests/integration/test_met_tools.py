"""`--dev` lists what it meets: real guards of a service without a catalogue come to decide by themselves."""

from __future__ import annotations

import time

import pytest

from delegation.core.codec import decode_catalogue
from delegation.core.trust import Catalogue, Effect
from delegation_sdk import Client, Guard, Scope, any_call
from delegation_sdk.context import received
from support.caller import Caller
from support.server import running_server

DEADLINE_SECONDS = 60
MINE = """
[[tool]]
audience = "docs"
name = "read"
owner = "me"
effects = ["write"]
"""
RULES = (
    '@id("given") permit (principal, action, resource);\n'
    '@id("no-docs") forbid (principal, action == Action::"call", resource) when { context.purpose == "x" };\n'
)


def catalogue_of(server):
    with Caller.of(server, "agent/planner") as caller:
        content = caller.trust_documents().catalogue
    return decode_catalogue(content) if content else Catalogue()


def until_listed(server, audience, tool):
    end = time.monotonic() + DEADLINE_SECONDS
    while (entry := catalogue_of(server).find(audience, tool)) is None:
        assert time.monotonic() < end, "it was never listed"
        time.sleep(0.05)
    return entry


@pytest.fixture
def guard_of():
    """`guard_of(server)`: a guard of two tools, open until the test ends."""
    guards = []

    def connected(server):
        guard = Guard.connect("docs", server.profile("tool/docs"))
        guards.append(guard)
        guard.tool("read")(lambda path: path)
        guard.tool("send", effects=["external"], labels=["personal"])(lambda: None)
        return guard

    yield connected
    for guard in guards:
        guard.close()


def test_a_tool_that_only_reads_is_decided_in_process_without_anybody_writing_a_catalogue(tmp_path, guard_of):
    with running_server(tmp_path) as server:
        guard_of(server)
        assert until_listed(server, "docs", "read").local
        send = until_listed(server, "docs", "send")
        assert (send.effects, send.labels, send.local) == ({Effect.EXTERNAL}, {"personal"}, False)
        later = guard_of(server)  # whoever has the bundle of before follows within a minute
        read = later.tool("read")(lambda path: path)
        with Client.connect(server.profile("agent/planner")) as client:
            task = client.begin_task("Read", scope=Scope(any_call("docs", "read")))
            with received(task.call("docs", "read", {"path": "a"}).carriage):
                assert read(path="a") == "a"
            later.close()  # delivers what it has decided
            (call,) = client.lineage.each_call(task_id=task.task_id)
        assert call.decided_by != "service"
    with running_server(tmp_path) as server:  # and is listed again when the service comes back
        assert until_listed(server, "docs", "read").local


def test_what_the_operator_has_written_wins(tmp_path, guard_of):
    (tmp_path / "tools.toml").write_text(MINE)
    with running_server(tmp_path / "state", catalogue=tmp_path / "tools.toml") as server:
        guard_of(server)
        until_listed(server, "docs", "send")
        read = catalogue_of(server).find("docs", "read")
        assert (read.effects, read.owner, read.local) == ({Effect.WRITE}, "me", False)


def test_what_rules_have_a_word_in_is_asked_about(tmp_path, guard_of):
    (tmp_path / "policy.cedar").write_text(RULES)
    with running_server(tmp_path / "state", policy={"file": tmp_path / "policy.cedar"}) as server:
        guard_of(server)
        entry = until_listed(server, "docs", "read")
        assert (entry.effects, entry.local) == ({Effect.READ}, False)
