"""`delegation tools import` from real MCP servers, each a process of its own, over both transports."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from delegation.cli import exit_codes, main
from delegation.core.trust import Effect
from delegation.server.catalogue_file import load_catalogue

PROGRAM = str(Path(__file__).parent / "mcp_listed_server.py")
READ = """
[[tool]]
audience = "notes"
name = "read"
owner = "team-notes"
effects = ["read"]
labels = ["public"]
local = true  # it only reads
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "tools.toml"


@pytest.fixture
def take(capfd):
    """`take("first", …)` imports the tools of a server of that kind and gives exit code, output and errors."""

    def run(kind, *options, target=None):
        code = main(
            ["tools", "import", "--audience", "notes", *options, "--", *(target or (sys.executable, PROGRAM, kind))]
        )
        captured = capfd.readouterr()
        assert "\x1b" not in captured.out + captured.err
        return code, captured.out, captured.err

    return run


@contextlib.contextmanager
def over_http(kind):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, PROGRAM, kind, str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)  # between attempts: nobody tells when another process listens
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(30)


def test_tools_are_taken_into_a_new_catalogue_and_then_nothing_is_left_to_do(take, file):
    code, out, _ = take("first", "--catalogue", str(file), "--owner", "team-notes")
    assert code == 0
    assert out.count("new ") == 3
    catalogue = load_catalogue(file)
    assert {entry.tool for entry in catalogue.tools} == {"read", "publish", "remember"}
    assert all(entry.effects == frozenset(Effect) for entry in catalogue.tools)
    assert all(len(entry.manifest_digest) == 32 for entry in catalogue.tools)
    before = file.read_bytes()
    code, out, _ = take("first", "--catalogue", str(file))
    assert (code, out) == (0, "3 tools are as the catalogue has them.\n")
    assert file.read_bytes() == before


def test_trusted_hints_say_what_new_tools_do(take, file):
    assert take("first", "--catalogue", str(file), "--owner", "team-notes", "--trust-hints")[0] == 0
    effects = {entry.tool: entry.effects for entry in load_catalogue(file).tools}
    assert effects["read"] == {"read"}
    assert effects["publish"] == effects["remember"] == {"read", "write", "destructive", "external"}


def test_a_changed_tool_fails_the_check_until_the_change_is_accepted(take, file):
    file.write_text(READ)
    assert take("first", "--catalogue", str(file), "--owner", "team-notes")[0] == 0
    assert take("first", "--catalogue", str(file), "--check")[0] == 0
    before = file.read_bytes()
    code, out, _ = take("changed", "--catalogue", str(file), "--check")
    assert code == exit_codes.REFUSED
    assert out.startswith("changed read")
    assert take("changed", "--catalogue", str(file))[0] == exit_codes.REFUSED
    assert file.read_bytes() == before
    assert take("changed", "--catalogue", str(file), "--accept-changes", "--check")[0] == exit_codes.REFUSED
    assert take("changed", "--catalogue", str(file), "--accept-changes")[0] == 0
    assert take("changed", "--catalogue", str(file), "--check")[0] == 0
    kept = load_catalogue(file).find("notes", "read")
    assert (kept.owner, kept.local, kept.labels) == ("team-notes", True, {"public"})
    assert "# it only reads" in file.read_text()


def test_over_http_the_same_tools_have_the_same_manifests(take, file):
    assert take("first", "--catalogue", str(file), "--owner", "team-notes")[0] == 0
    with over_http("first") as url:
        assert take("", "--catalogue", str(file), "--check", target=[url])[0] == 0
    with over_http("changed") as url:
        assert take("", "--catalogue", str(file), "--check", target=[url])[0] == exit_codes.REFUSED


def test_without_a_file_the_entries_are_printed_and_are_a_catalogue(take, file):
    code, out, _ = take("first", "--owner", "team-notes")
    assert code == 0
    file.write_text(out)
    assert len(load_catalogue(file).tools) == 3


def test_plain_data(take, file):
    code, out, _ = take("first", "--owner", "team-notes", "--catalogue", str(file), "--json")
    plain = json.loads(out)
    assert (code, plain["new"], plain["changed"]) == (0, ["publish", "read", "remember"], [])
    assert {tool["name"]: tool["effects"] for tool in plain["tools"]}["read"] == sorted(Effect)


def test_a_hint_of_danger_raises_what_the_operator_wrote(take, file):
    file.write_text(READ.replace('"read"\nowner', '"publish"\nowner'))
    code, out, _ = take("first", "--catalogue", str(file), "--owner", "team-notes")
    assert code == 0
    assert "raised  publish" in out
    raised = load_catalogue(file).find("notes", "publish")
    assert raised.effects == {"read", "write", "destructive", "external"}
    assert not raised.local


@pytest.mark.parametrize(
    "target",
    [
        ("http://127.0.0.1:9/mcp",),
        (sys.executable, "-c", "print('no MCP')"),
        ("/no/such/program",),
        (sys.executable, PROGRAM, "silent"),
    ],
    ids=["nobody listens", "no MCP", "no program", "no answer in time"],
)
def test_a_server_that_does_not_answer_is_unavailable_and_nothing_is_written(take, file, target):
    code, out, err = take("", "--catalogue", str(file), "--owner", "x", "--timeout", "2", target=target)
    assert (code, out) == (exit_codes.UNAVAILABLE, "")
    assert err.startswith("delegation: the MCP server did not list its tools")
    assert not file.exists()


class _Redirects(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(307)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_redirect_is_not_followed(take):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Redirects)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        code, _, err = take(
            "", "--owner", "x", "--timeout", "10", target=[f"http://127.0.0.1:{server.server_port}/mcp"]
        )
    finally:
        server.shutdown()
        server.server_close()
    assert code == exit_codes.UNAVAILABLE
    assert "redirects" in err or "did not list" in err


@pytest.mark.parametrize("options", [["--check"], ["--catalogue", "x", "--audience", "\x1b"], []])
def test_a_command_line_that_makes_no_sense_is_a_usage_error(take, options):
    assert take("first", *options)[0] == exit_codes.USAGE


def test_a_catalogue_to_check_that_is_not_there_has_to_be_put_right(take, file):
    assert take("first", "--check", "--catalogue", str(file))[0] == exit_codes.CONFIG
