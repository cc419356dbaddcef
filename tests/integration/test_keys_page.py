"""docs/keys.md: its commands are run as they stand there, and its settings are settings."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from delegation.app import create_root_key, create_service_keys, sign_bundle_file
from delegation.cli import exit_codes
from delegation.server.config_sections import KeysConfig
from delegation.signing.sealed_file import SealedFiles
from delegation.signing.sealed_format import ScryptCost

PAGE = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("delegation keys")
]
SECRET = b"quite secret"
TIMEOUT_S = 120


@pytest.fixture
def directory(tmp_path) -> Path:
    cheap = ScryptCost(log2_n=10)
    create_root_key(tmp_path / "root", SECRET, cost=cheap)
    create_service_keys(tmp_path / "state" / "keys", SECRET, cost=cheap)
    sign_bundle_file(
        tmp_path / "state" / "keys",
        store=SealedFiles(tmp_path / "state" / "keys", lambda: SECRET),
        root_directory=tmp_path / "root",
        root_passphrase=SECRET,
        trust_domain="acme.example",
    )
    (tmp_path / "passphrase").write_bytes(SECRET)
    (tmp_path / "passphrase").chmod(0o600)
    (tmp_path / "tools.toml").write_text("")
    return tmp_path


def run(directory: Path, command: str) -> dict[str, object]:
    program, *arguments = shlex.split(command)
    assert program == "delegation"
    further = ("--json", "--root-passphrase-file=passphrase", "--passphrase-file=passphrase")
    line = [sys.executable, "-m", "delegation.cli", *arguments, *further]
    done = subprocess.run(line, cwd=directory, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == exit_codes.OK, done.stderr
    return json.loads(done.stdout)


def shown(directory: Path) -> dict[str, object]:
    line = [sys.executable, "-m", "delegation.cli", "keys", "show", "--json", "--keys", "state/keys"]
    done = subprocess.run(line, cwd=directory, capture_output=True, text=True, check=True, timeout=TIMEOUT_S)
    return json.loads(done.stdout)


def test_the_page_shows_every_command():
    assert {shlex.split(command)[2] for command in COMMANDS} == {"init", "rotate", "sign-bundle", "compromise"}


@pytest.mark.parametrize("command", [command for command in COMMANDS if " init " not in command])
def test_a_command_of_the_page_does_what_it_says(directory, command):
    before = shown(directory)
    (grant,) = [key["key_id"] for key in before["keys"] if key["purpose"] == "grant"]
    after = run(directory, command.replace("KEY_ID", grant))
    assert after["version"] == before["version"] + 1
    assert shown(directory) == after
    states = {key["key_id"]: key["state"] for key in after["keys"]}
    assert states[grant] == ("compromised" if "compromise" in command else "active")
    assert len(states) == len(before["keys"]) + ("sign-bundle" not in command)


def test_the_figures_of_the_page_are_the_defaults():
    assert f"after {KeysConfig().publish_ahead_ms // 60_000} min (`keys.publish_ahead_ms`)" in PAGE
