"""What guards tell the service of their tools, and what operators see of it: real guards, a real service."""

from __future__ import annotations

import json
import time

import pytest

from delegation.cli import exit_codes, main
from delegation.core.declaration import Declaration
from delegation.core.trust import Effect
from delegation.errors import InvalidRequest, PermissionDenied, Reason, Refused
from delegation.wire.tool_reports import ToolsToReport, report_tools_request_message
from delegation_sdk import Client, Guard
from support.caller import Caller
from support.server import identity, running_server

DEADLINE_SECONDS = 60
TOOLS = """
[[tool]]
audience = "docs"
name = "read"
owner = "team-docs"  # ours
effects = ["read"]
labels = ["public"]
local = true
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("reports")
    (home / "tools.toml").write_text(TOOLS)
    listed = [
        identity("tool/docs", "tool", audiences=["docs"]),
        identity("tool/mail", "tool", audiences=["mail"]),
        identity("person/olga", "operator"),
        identity("person/abe", "auditor"),
    ]
    with running_server(home / "state", catalogue=home / "tools.toml", identities=listed) as server:
        yield server


def reports_of(server, audience):
    with Client.connect(server.profile("person/abe")) as auditor:
        return {each.tool: each for each in auditor.tool_reports() if each.audience == audience}


def until_reported(server, audience, tool, holds):
    """Wait for a guard's background."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not ((found := reports_of(server, audience).get(tool)) and holds(found)):
        assert time.monotonic() < end, f"never reported so: {found}"
        time.sleep(0.05)
    return found


@pytest.mark.spec("T-44")
def test_a_guard_tells_what_its_tools_declare_and_what_changes(server, capfd):
    guard = Guard.connect("docs", server.profile("tool/docs"))
    try:
        guard.tool("read", effects=["read"])(lambda: None)
        told = until_reported(server, "docs", "read", lambda _: True)
        assert (told.caller, told.differences) == ("spiffe://test.example/tool/docs", ())
        assert tools("reported", "--audience", "docs", server=server) == exit_codes.OK
        guard.tool("read", effects=["read", "external"], labels=["personal"])(lambda: None)
        told = until_reported(server, "docs", "read", lambda each: each.differences)
        assert told.declared == Declaration(frozenset({Effect.READ, Effect.EXTERNAL}), frozenset({"personal"}))
        capfd.readouterr()
        assert tools("reported", "--audience", "docs", server=server) == exit_codes.REFUSED
        assert "riskier  docs.read" in capfd.readouterr().out
        assert tools("reported", "--json", server=server) == exit_codes.REFUSED
        (plain,) = (each for each in json.loads(capfd.readouterr().out)["tools"] if each["audience"] == "docs")
        assert (plain["differences"], plain["declared_labels"]) == (["riskier"], ["personal"])
    finally:
        guard.close()


def test_what_was_reported_is_taken_into_the_catalogue(server, tmp_path, capfd):
    file = tmp_path / "tools.toml"
    file.write_text(TOOLS)
    declared = {
        "read": Declaration(frozenset({Effect.EXTERNAL}), frozenset({"personal"}), b"\1" * 32),
        "send": Declaration(labels=frozenset({"internal"}), manifest_digest=b"\2" * 32),
    }
    with Caller.of(server, "tool/docs") as tool:
        report(tool, "docs", declared)
    options = ["--audience", "docs", "--catalogue", str(file)]
    assert tools("import", "--reported", *options, server=server) == exit_codes.USAGE  # whose are new ones?
    assert file.read_text() == TOOLS
    assert tools("import", "--reported", *options, "--owner", "team-new", server=server) == exit_codes.OK
    text = file.read_text()
    assert 'owner = "team-docs"  # ours\neffects = ["read", "external"]\nlabels = ["personal", "public"]' in text
    assert "local = false" in text
    assert f'manifest_digest = "{"01" * 32}"' in text
    assert 'name = "send"\nowner = "team-new"' in text
    assert 'labels = ["internal", "secret"]' in text
    with Caller.of(server, "tool/docs") as tool:
        report(tool, "docs", {"read": declared["read"]._replace(manifest_digest=b"\3" * 32)})
    assert tools("import", "--reported", *options, "--check", server=server) == exit_codes.REFUSED
    assert file.read_text() == text
    out = capfd.readouterr().out
    assert "changed  read" in out or "changed read" in out


@pytest.mark.spec("T-44")
def test_nobody_reports_for_another_audience_or_reads_reports_without_the_role(server):
    with Caller.of(server, "tool/mail") as mail:
        with pytest.raises(Refused) as caught:
            report(mail, "docs", {"read": Declaration(frozenset({Effect.SPENDS}))})
        assert caught.value.reason is Reason.NOT_YOUR_AUDIENCE
    assert all("spends" not in each.declared.effects for each in reports_of(server, "docs").values())
    with Client.connect(server.profile("tool/mail")) as mail, pytest.raises(PermissionDenied):
        mail.tool_reports()


@pytest.mark.spec("T-44")
@pytest.mark.parametrize(
    "names", [[f"tool {n}" for n in range(513)], ["read", "read"], ["line\nbreak"], [""], ["x" * 513]]
)
def test_a_report_of_more_than_is_taken_or_of_what_nobody_can_name_is_refused(server, names):
    with Caller.of(server, "tool/docs") as tool:
        message = report_tools_request_message(ToolsToReport("docs", {}))
        for name in names:
            message.tools.add(name=name)
        with pytest.raises(InvalidRequest):
            tool.ask(tool.trust.ReportTools, message)


def report(caller, audience, declared):
    caller.ask(caller.trust.ReportTools, report_tools_request_message(ToolsToReport(audience, declared)))


def tools(*arguments, server):
    """Run `delegation tools` as the operator; give its exit code."""
    return main(["tools", *arguments, "--profile", str(server.profile("person/olga"))])
