"""What a person sees at a terminal: colours, questions, and how the service starts and stops."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pyte
import pytest

from delegation.app import create_root_key, create_service_keys
from delegation.cli import exit_codes
from delegation.signing.sealed_file import RANDOM_PASSPHRASE_COST
from delegation_sdk import Client, Scope, tool, under
from support.chains import chain
from support.server import running_server, spiffe_id
from support.terminal import COLUMNS, ROWS, TIMEOUT_S, Terminal, terminal, terminal_environment

PROGRAM = [sys.executable, "-m", "delegation.cli"]


def at_a_terminal(*arguments: str, directory: Path | None = None, **further: str) -> AbstractContextManager[Terminal]:
    """Run a command of ours at a terminal."""
    return terminal([*PROGRAM, *arguments], environment=terminal_environment(**further), directory=directory)


def run(*arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of ours without a terminal, and without anybody who could be asked."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=terminal_environment(),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def screen_of(*arguments: str, **further: str) -> pyte.Screen:
    """Run a command to its end and give what the terminal shows."""
    with at_a_terminal(*arguments, **further) as shown:
        return shown.screen()


def text_of(screen: pyte.Screen) -> list[str]:
    return [line.rstrip() for line in screen.display]


def colours_of(screen: pyte.Screen) -> set[str]:
    return {screen.buffer[row][column].fg for row in range(ROWS) for column in range(COLUMNS)}


@pytest.fixture
def token_file(tmp_path) -> Path:
    (tmp_path / "token").write_bytes(chain("root -> planner -> reader").token)
    return tmp_path / "token"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("service")) as server:
        yield server


# -- colours -------------------------------------------------------------------------------------------------


def test_a_terminal_gets_colours_and_whole_lines(token_file):
    screen = screen_of("inspect", f"@{token_file}")
    assert {"yellow", "brown"} & colours_of(screen)  # pyte's name of the standard yellow
    lines = text_of(screen)
    assert lines[0] == "Not verified: this is what the token says."
    assert "└─ spiffe://example.test/planner  bound by the service" in lines


def test_no_color_is_respected(token_file):
    screen = screen_of("inspect", f"@{token_file}", NO_COLOR="1")
    assert colours_of(screen) == {"default"}


def test_a_pipe_gets_no_colours_unless_forced(token_file):
    def piped(**further: str) -> bytes:
        return subprocess.run(
            [*PROGRAM, "inspect", f"@{token_file}"],
            env=terminal_environment(**further),
            capture_output=True,
            check=True,
            timeout=TIMEOUT_S,
        ).stdout

    assert b"\x1b" not in piped()
    assert b"\x1b[" in piped(FORCE_COLOR="1")


def test_output_survives_a_terminal_without_unicode(token_file):
    done = subprocess.run(
        [*PROGRAM, "inspect", f"@{token_file}"],
        env=terminal_environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    assert b"spiffe://example.test/planner" in done.stdout


def test_a_reader_that_goes_away_is_no_error(token_file):
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m delegation.cli inspect --json @{token_file} | head -c 1"],
        env=terminal_environment(),
        capture_output=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert (done.stdout, done.stderr) == (b"{", b"")


# -- questions -----------------------------------------------------------------------------------------------


@pytest.fixture
def task(server):
    with Client.connect(server.profile("agent/orchestrator")) as client:
        task = client.begin_task("Read the docs", scope=Scope(tool("files", "read", path=under("/srv"))))
        task.hand_off(spiffe_id("agent/reader"))
        yield task


def is_revoked(server, task) -> bool:
    with Client.connect(server.profile()) as client:
        _, links = client.lineage.get_task(task.task_id)
        return all(link.revoked for link in links)


def test_revoke_says_what_falls_and_does_it_when_told_to(server, task):
    profile = ("--profile", str(server.profile()))
    with at_a_terminal("revoke", "task", task.task_id.hex(), *profile) as shown:
        shown.expect("this falls:")
        shown.expect(spiffe_id("agent/orchestrator"))
        shown.expect(spiffe_id("agent/reader"))
        shown.expect(r"Revoke the task .*\? \[y/N\]: ")
        shown.sendline("y")
        shown.expect("Revoked, as of position")
        assert shown.finish() == 0
    assert is_revoked(server, task)


@pytest.mark.parametrize("answer", ["n", ""])
def test_revoke_does_nothing_when_not_told_to(server, task, answer):
    with at_a_terminal("revoke", "task", task.task_id.hex(), "--profile", str(server.profile())) as shown:
        shown.expect(r"\[y/N\]: ")
        shown.sendline(answer)
        assert shown.finish() == exit_codes.REFUSED
    assert not is_revoked(server, task)


def test_ctrl_c_at_a_question_ends_it(server, task):
    with at_a_terminal("revoke", "task", task.task_id.hex(), "--profile", str(server.profile())) as shown:
        shown.expect(r"\[y/N\]: ")
        shown.interrupt()
        assert shown.finish() != 0
        assert "Traceback" not in shown.before
    assert not is_revoked(server, task)


def test_keys_are_made_under_passphrases_that_are_typed_twice_and_never_shown(tmp_path):
    options = ("--trust-domain", "acme.example", "--keys", str(tmp_path / "keys"), "--root", str(tmp_path / "root"))
    with at_a_terminal("keys", "init", *options) as shown:
        for _ in range(2):
            shown.expect("Passphrase of the root key: |Repeat.*: ")
            assert not shown.echoes
            shown.sendline("root secret")
        for _ in range(2):
            shown.expect("Passphrase of the service's keys: |Repeat.*: ")
            assert not shown.echoes
            shown.sendline("service secret")
        assert shown.finish() == 0
        assert "secret" not in shown.before
        assert "acme.example" in shown.before
    assert {path.name for path in (tmp_path / "keys").iterdir()} == {
        "checkpoint.key",
        "grant.key",
        "root.pub",
        "statement.key",
        "trust-bundle.bin",
        "trust-bundle.lock",
    }
    assert (tmp_path / "root" / "root.key").stat().st_mode & 0o777 == 0o600


def test_the_next_bundle_is_signed_with_passphrases_from_files(tmp_path):
    secret = tmp_path / "passphrase"
    secret.write_text("a long passphrase\n")
    secret.chmod(0o600)
    keys, root = tmp_path / "keys", tmp_path / "root"
    create_root_key(root, b"a long passphrase", cost=RANDOM_PASSPHRASE_COST)
    create_service_keys(keys, b"a long passphrase", cost=RANDOM_PASSPHRASE_COST)
    options = ["--trust-domain", "acme.example", "--keys", str(keys), "--root", str(root)]
    options += ["--passphrase-file", str(secret), "--root-passphrase-file", str(secret)]
    for version in (1, 2):
        done = run("keys", "sign-bundle", *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"version   {version}" in done.stdout
    plain = json.loads(run("keys", "sign-bundle", *options, "--json").stdout)
    assert (plain["version"], plain["trust_root"]) == (3, (keys / "root.pub").read_text().strip())


def test_keys_that_are_there_are_not_begun_anew_with_another_root(tmp_path):
    create_service_keys(tmp_path / "keys", b"a long passphrase", cost=RANDOM_PASSPHRASE_COST)
    before = sorted((tmp_path / "keys").iterdir())
    options = ["--trust-domain", "acme.example", "--keys", str(tmp_path / "keys"), "--root", str(tmp_path / "root")]
    done = run("keys", "init", *options)
    assert done.returncode == exit_codes.CONFIG
    assert "delegation keys rotate" in done.stderr
    assert sorted((tmp_path / "keys").iterdir()) == before
    assert not (tmp_path / "root").exists()


def test_without_a_terminal_and_a_passphrase_nothing_is_made(tmp_path):
    options = ["--trust-domain", "acme.example", "--keys", str(tmp_path / "keys"), "--root", str(tmp_path / "root")]
    done = run("keys", "init", *options)
    assert done.returncode == exit_codes.CONFIG
    assert done.stderr == "delegation: no passphrase for the root key: name a file with --root-passphrase-file\n"
    assert list(tmp_path.iterdir()) == []


# -- serve ---------------------------------------------------------------------------------------------------


def test_serve_says_what_to_do_next_and_ctrl_c_stops_it(tmp_path):
    with at_a_terminal("serve", "--dev", "--listen", "127.0.0.1:0", directory=tmp_path) as shown:
        shown.expect("dev.internal")
        shown.expect(r"\.delegation/profile\.toml")
        shown.expect("yours; found by itself")
        done = run("trace", directory=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "No tasks.\n", "")
        shown.interrupt()
        assert shown.finish() == 0
        assert "Traceback" not in shown.before


def test_serve_says_how_a_profile_elsewhere_is_found(tmp_path):
    options = ("--dev", "--listen", "127.0.0.1:0", "--state-dir", "state")
    with at_a_terminal("serve", *options, directory=tmp_path) as shown:
        shown.expect(r"state/profile\.toml")
        shown.expect("yours; set DELEGATION_PROFILE to it")
        shown.interrupt()
        assert shown.finish() == 0


def test_a_taken_port_is_one_line_that_says_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "--dev", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", directory=tmp_path)
    assert done.returncode == exit_codes.CONFIG
    assert done.stderr.count("\n") == 1
    assert "it is taken" in done.stderr


def test_a_wrong_setting_is_one_line_that_names_it(tmp_path):
    (tmp_path / "delegation.toml").write_text("listn = '127.0.0.1:1'\n")
    done = run("serve", "--dev", "--config", "delegation.toml", directory=tmp_path)
    assert done.returncode == exit_codes.CONFIG
    assert done.stderr == "delegation: delegation.toml: listn is not a setting: did you mean listen?\n"


def test_without_dev_nothing_is_open_by_default(tmp_path):
    done = run("serve", directory=tmp_path)
    assert done.returncode == exit_codes.CONFIG
    assert "use --dev" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_development_is_for_this_machine_only(tmp_path):
    done = run("serve", "--dev", "--listen", "0.0.0.0:0", directory=tmp_path)
    assert done.returncode == exit_codes.CONFIG
    assert "this machine only" in done.stderr
