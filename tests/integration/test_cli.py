"""The commands against a real service, over mTLS, on a task with allowed and refused calls."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from delegation.cli import exit_codes, main
from delegation.errors import Refused
from delegation_sdk import Client, Guard, Scope, tool, under
from support.server import RunningServer, running_server, spiffe_id

ORCHESTRATOR, READER, SEARCHER = map(spiffe_id, ("agent/orchestrator", "agent/reader", "agent/searcher"))
SCOPE = Scope(
    tool("files", "read", path=under("/srv")),
    tool("files", "write", path=under("/srv/out")),
    tool("web", "search", query="reports"),
)


@dataclass
class Story:
    """One task that was worked on: its ids, and the token of the reader."""

    task_id: str
    token: bytes
    link_ids: list[str]
    exported: str


@pytest.fixture(autouse=True)
def _service_says_nothing():
    """The service of these tests runs in their process: what it logs is not what a command prints."""
    with capture_logs():
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("service")) as server:
        yield server


@pytest.fixture(scope="module")
def story(server) -> Story:
    return tell(server)


def tell(server: RunningServer) -> Story:
    """Hand a task to a reader and a searcher; the reader reads, and tries two things that it may not."""
    with (
        Client.connect(server.profile("agent/orchestrator")) as client,
        Guard.connect("files", server.profile("tool/files")) as guard,
    ):
        task = client.begin_task("Summarise the reports", scope=SCOPE)
        reader = task.hand_off(READER, scope=task.scope.only("files", "read").where(path=under("/srv/q3")), ttl="2m")
        task.hand_off(SEARCHER, scope=task.scope.only("web", "search"))
        for name, arguments in (
            ("read", {"path": "/srv/q3/a.md"}),
            ("read", {"path": "/srv/q4/a.md"}),
            ("write", {"path": "/srv/out/a.md"}),
        ):
            call = reader.call("files", name, arguments)
            with contextlib.suppress(Refused):
                guard.authorize(call.carriage, name, call.arguments).report()
        ids = [link.link_id.hex() for link in reader.links]
        return Story(task.task_id.hex(), reader.token, ids, task.export_with_key())


@pytest.fixture
def command(server, capsys, monkeypatch):
    """`command("trace", …)` runs a command as the developer and gives exit code, output and errors."""
    monkeypatch.setenv("DELEGATION_PROFILE", str(server.profile()))
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def call_ids(command, story, *options: str) -> list[str]:
    code, out, _ = command("calls", "--task", story.task_id, "--json", *options)
    assert code == 0
    return [call["call_id"] for call in json.loads(out)["calls"]]


# -- trace ---------------------------------------------------------------------------------------------------


def test_trace_without_a_task_lists_tasks(command, story):
    code, out, _ = command("trace")
    assert code == 0
    assert story.task_id in out
    assert "active, ends in" in out


def test_trace_draws_handoffs_with_what_they_took_away_and_their_calls(command, story):
    code, out, _ = command("trace", story.task_id)
    assert code == 0
    assert out.count("├─ ") == out.count("└─ ") == 1
    assert "- web.search" in out
    assert "- files.read.path: a path under /srv → a path under /srv/q3" in out
    (reader,) = re.findall(rf"^[├└]─ {READER}\n((?:[│ ]  .*\n)*)", out, re.MULTILINE)
    assert reader.count("✓") == 1
    assert reader.count("✗") == 2
    assert "argument_refused at link 1" in reader
    assert "tool_not_permitted at link 1" in reader


def test_trace_is_plain_data_too(command, story):
    code, out, _ = command("trace", story.task_id, "--json")
    assert code == 0
    plain = json.loads(out)
    assert plain["task"]["purpose"] == "Summarise the reports"
    assert {link["holder_agent"] for link in plain["links"]} == {ORCHESTRATOR, READER, SEARCHER}
    assert sorted(call["allowed"] for call in plain["calls"]) == [False, False, True]
    assert story.link_ids[1] in {call["link_id"] for call in plain["calls"]}


def test_a_task_that_is_not_there_is_not_found(command):
    code, out, err = command("trace", "00" * 16)
    assert (code, out) == (exit_codes.REFUSED, "")
    assert err.count("\n") == 1


# -- scope ---------------------------------------------------------------------------------------------------


def test_scope_unused_draws_what_was_granted_and_never_used(command, story):
    code, out, _ = command("scope", "unused", story.task_id)
    assert code == 0
    assert "2 of 3 tools never used" in out
    assert out.count("never files.write(path: a path under /srv/out)") == 1
    assert "used  files.read  once" in out
    assert "used everything that it may" in out  # the reader
    assert "1 of 1 tools never used" in out  # the searcher


def test_scope_unused_is_plain_data_too(command, story):
    code, out, _ = command("scope", "unused", story.task_id, "--json")
    assert code == 0
    plain = json.loads(out)
    (grant,) = [link for link in plain["links"] if link["index"] == 0]
    assert [each["tool"] for each in grant["unused"]] == ["write", "search"]
    assert grant["used"] == [{"audience": "files", "tool": "read", "calls": 1}]
    assert (plain["calls"], plain["calls_on_no_recorded_link"], plain["more_calls"]) == (1, 0, False)


def test_scope_unused_of_a_task_that_is_not_there_is_not_found(command):
    code, out, err = command("scope", "unused", "00" * 16)
    assert (code, out) == (exit_codes.REFUSED, "")
    assert err.count("\n") == 1


# -- calls and why -------------------------------------------------------------------------------------------


def test_calls_are_filtered(command, story):
    assert len(call_ids(command, story)) == 3
    assert len(call_ids(command, story, "--allowed")) == 1
    assert len(call_ids(command, story, "--refused")) == 2
    assert len(call_ids(command, story, "--tool", "write")) == 1
    assert len(call_ids(command, story, "--agent", READER, "--audience", "files")) == 3
    assert len(call_ids(command, story, "--agent", SEARCHER)) == 0
    assert len(call_ids(command, story, "--limit", "2")) == 2


def test_calls_in_a_pipe_are_lines(command, story):
    code, out, _ = command("calls", "--task", story.task_id, "--refused")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["✗", "✗"]


def test_no_calls_is_an_answer(command, story):
    assert command("calls", "--task", story.task_id, "--tool", "nothing")[:2] == (0, "No such calls.\n")


def test_why_blames_the_hop_at_fault(command, story):
    (call_id,) = call_ids(command, story, "--tool", "write")
    code, out, _ = command("why", call_id)
    assert code == 0
    assert out.startswith("✗ files.write refused: tool_not_permitted at link 1\n")
    assert f"✓ 0 {ORCHESTRATOR}  permits files.write" in out
    assert f"✗ 1 {READER}  does not permit this tool" in out


def test_why_shows_that_every_hop_permits(command, story):
    (call_id,) = call_ids(command, story, "--allowed")
    code, out, _ = command("why", call_id, "--json")
    assert code == 0
    assert [hop["verdict"] for hop in json.loads(out)["hops"]] == ["permits", "permits"]


# -- verify --------------------------------------------------------------------------------------------------


@pytest.fixture
def token_file(story, tmp_path) -> Path:
    (tmp_path / "token").write_bytes(story.token)
    return tmp_path / "token"


def test_verify_says_what_holds(command, token_file):
    code, out, _ = command("verify", f"@{token_file}")
    assert code == 0
    assert out.startswith("✓ Verified in test.example\n")
    assert "nothing in it is revoked, as of position" in out


def test_a_verified_chain_is_shown_as_oauth_writes_one_and_another_is_not(command, story, token_file, tmp_path):
    code, out, _ = command("verify", "--act", f"@{token_file}")
    shown = json.loads(out)
    assert code == 0
    assert {"sub", "iss", "exp", "act"} <= shown.keys()
    assert shown["act"]["sub"].startswith("spiffe://test.example/")
    (tmp_path / "cut").write_bytes(story.token[:-1])
    code, out, _ = command("verify", "--act", f"@{tmp_path / 'cut'}")
    assert code == exit_codes.REFUSED
    assert "act" not in json.loads(out)


def test_verify_refuses_a_chain_that_was_altered(command, story, tmp_path):
    altered = bytearray(story.token)
    altered[len(altered) // 3] ^= 1
    (tmp_path / "altered").write_bytes(altered)
    code, out, err = command("verify", f"@{tmp_path / 'altered'}")
    assert (code, out) == (exit_codes.REFUSED, "")
    assert err.startswith("delegation: refused: ")
    code, out, _ = command("verify", "--json", f"@{tmp_path / 'altered'}")
    assert code == exit_codes.REFUSED
    assert json.loads(out)["verified"] is False


def test_verify_works_offline_and_says_what_it_does_not_know(command, server, token_file):
    bundle = server.application.config.keys_directory / "trust-bundle.bin"
    code, out, _ = command("verify", f"@{token_file}", "--bundle", str(bundle))
    assert code == 0
    assert "revocations are NOT known offline" in out


def test_verify_offline_refuses_the_bundle_of_another_root(command, server, token_file):
    bundle = server.application.config.keys_directory / "trust-bundle.bin"
    code, _, err = command("verify", f"@{token_file}", "--bundle", str(bundle), "--root", "A" * 43)
    assert code == exit_codes.REFUSED
    assert "bundle_invalid" in err


def test_inspect_needs_no_service_and_says_that_nothing_is_verified(command, token_file):
    code, out, _ = command("inspect", f"@{token_file}")
    assert code == 0
    assert out.startswith("Not verified: this is what the token says.\n")
    assert READER in out


# -- revoke --------------------------------------------------------------------------------------------------


def test_revoke_takes_a_link_back_and_verify_notices(command, server, tmp_path):
    story = tell(server)
    (tmp_path / "token").write_bytes(story.token)
    code, out, _ = command("revoke", "link", story.link_ids[1], "--yes", "--because", "a test")
    assert code == 0
    assert out.startswith("Revoked, as of position ")
    code, _, err = command("verify", f"@{tmp_path / 'token'}")
    assert code == exit_codes.REFUSED
    assert "link_revoked at link 1" in err
    assert "revoked" in command("trace", story.task_id)[1]


def test_a_holder_revokes_what_it_handed_on_with_its_key(command, server, tmp_path):
    story = tell(server)
    held = tmp_path / "held"
    held.write_text(story.exported)
    held.chmod(0o600)
    plain = str(server.profile("agent/orchestrator"))
    refused = command("revoke", "link", story.link_ids[1], "--yes", "--profile", plain)
    assert refused[0] == exit_codes.REFUSED
    code, out, _ = command(
        "revoke", "link", story.link_ids[1], "--yes", "--as", str(held), "--profile", plain, "--json"
    )
    assert code == 0
    assert json.loads(out)["feed_position"] > 0


def test_a_holder_key_that_others_can_read_is_not_used(command, story, tmp_path):
    held = tmp_path / "held"
    held.write_text(story.exported)
    held.chmod(0o644)
    code, _, err = command("revoke", "link", story.link_ids[1], "--yes", "--as", str(held))
    assert code == exit_codes.CONFIG
    assert "chmod 600" in err


def test_revoke_never_goes_on_without_being_told_to(command, story):
    code, _, err = command("revoke", "task", story.task_id)
    assert code == exit_codes.USAGE
    assert "say --yes" in err
    assert command("trace", story.task_id)[0] == 0


# -- keys ----------------------------------------------------------------------------------------------------


def test_keys_show_the_bundle_that_the_service_gives(command, server):
    code, out, _ = command("keys", "show", "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["trust_domain"] == "test.example"
    assert {key["purpose"] for key in shown["keys"]} == {"grant", "statement", "checkpoint"}
    from_files = command("keys", "show", "--json", "--keys", str(server.application.config.keys_directory))
    assert json.loads(from_files[1]) == shown


def test_a_development_identity_is_issued_and_works(command, server, tmp_path, monkeypatch):
    monkeypatch.setenv("DELEGATION_TRUST_DOMAIN", "test.example")
    state = server.application.config.state_dir
    server.application.issue_profile(spiffe_id("developer"), directory=state)
    code, out, _ = command(
        "keys", "issue", spiffe_id("agent/new"), "--out", str(tmp_path / "new"), "--state-dir", str(state)
    )
    assert code == 0
    with Client.connect(out.strip()) as client:
        assert client.agent == spiffe_id("agent/new")
        assert client.lineage.list_tasks().items == ()
    _, out, _ = command("keys", "issue", client.agent, "--out", str(tmp_path), "--state-dir", str(state), "--json")
    assert json.loads(out) == {"agent": client.agent, "profile": str(tmp_path / "profile.toml")}


def test_without_a_development_service_no_identity_is_issued(command, tmp_path):
    code, _, err = command("keys", "issue", "spiffe://dev.internal/a", "--state-dir", str(tmp_path))
    assert code == exit_codes.CONFIG
    assert "start `delegation serve --dev` there first" in err
    assert list(tmp_path.iterdir()) == []


# -- a service that is not there -----------------------------------------------------------------------------


def test_a_service_that_is_down_is_one_line(command, server, tmp_path, monkeypatch):
    monkeypatch.setenv("DELEGATION_TARGET", "127.0.0.1:1")
    for arguments in (("trace",), ("calls",), ("why", "00" * 16), ("keys", "show")):
        code, out, err = command(*arguments)
        assert (code, out) == (exit_codes.UNAVAILABLE, "")
        assert err.count("\n") == 1
