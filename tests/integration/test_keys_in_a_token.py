"""A service whose keys are in a PKCS#11 token, set up and operated from the command line alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certificates import now
from delegation.cli import exit_codes
from delegation.identity.dev_ca import DevelopmentCa
from delegation_sdk import Client, Guard, Scope, tool, under
from support.policies import PERMIT
from support.softhsm import PIN, softhsm  # noqa: F401 - a fixture

pytest.importorskip("pkcs11")
DOMAIN = "acme.example"
TIMEOUT_S = 60
AHEAD_MS = 1_000
SERVICE = """
listen = "127.0.0.1:0"
trust_domain = "acme.example"
state_dir = "state"
policy = {{ file = "policy.cedar" }}

[tls]
certificate = "service/server.pem"
key = "service/server.key"
client_ca = "ca/ca.pem"

[keys]
publish_ahead_ms = {ahead_ms}

[keys.pkcs11]
module = "{module}"
token = "{token}"
pin_file = "pin"

[[identities]]
id = "spiffe://acme.example/planner"
owner = "tests"
roles = ["agent", "orchestrator"]
ceiling = "any"

[[identities]]
id = "spiffe://acme.example/files"
owner = "tests"
roles = ["tool"]
audiences = ["files"]
"""
PROFILE = """
target = "{target}"
ca = "../ca/ca.pem"
certificate = "client.pem"
key = "client.key"
trust_root = "{root}"
"""


@dataclass
class Operated:
    directory: Path

    def run(self, *arguments: str) -> dict[str, object]:
        line = [sys.executable, "-m", "delegation.cli", *arguments, "--json"]
        done = subprocess.run(line, cwd=self.directory, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        assert done.returncode == exit_codes.OK, done.stderr
        assert PIN not in done.stdout + done.stderr
        return json.loads(done.stdout)

    def keys(self, verb: str, *arguments: str) -> dict[str, object]:
        shared = ("--config=service.toml", "--root=root", "--root-passphrase-file=passphrase")
        return self.run("keys", verb, *arguments, *shared)

    def profile(self, name: str, target: str) -> Path:
        path = self.directory / name / "profile.toml"
        root = (self.directory / "root" / "root.pub").read_text().strip()
        path.write_text(PROFILE.format(target=target, root=root))
        return path


@pytest.fixture
def operated(tmp_path, softhsm) -> Operated:  # noqa: F811
    ca = DevelopmentCa.create(DOMAIN, now=now())
    (tmp_path / "ca").mkdir(mode=0o700)
    ca.write(tmp_path / "ca")
    ca.issue(f"spiffe://{DOMAIN}/service", now=now(), names=["127.0.0.1"]).write(tmp_path / "service", "server")
    for name in ("planner", "files"):
        ca.issue(f"spiffe://{DOMAIN}/{name}", now=now()).write(tmp_path / name, "client")
    service = SERVICE.format(ahead_ms=AHEAD_MS, module=softhsm.module, token=softhsm.token())
    files = {"service.toml": service, "policy.cedar": PERMIT, "pin": PIN + "\n", "passphrase": "quite secret\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    found = Operated(tmp_path)
    found.keys("init", f"--trust-domain={DOMAIN}")
    return found


@pytest.fixture
def serving(operated) -> Iterator[tuple[subprocess.Popen[str], str]]:
    line = [sys.executable, "-m", "delegation.cli", "serve", "--config=service.toml"]
    log = operated.directory / "log"
    with log.open("w") as file:
        process = subprocess.Popen(line, cwd=operated.directory, stdout=subprocess.PIPE, stderr=file, text=True)
    try:
        said = process.stdout.readline()
        assert said.startswith("Serving acme.example at "), log.read_text()
        yield process, said.split()[-1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == exit_codes.OK
        assert PIN not in log.read_text()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def active(bundle: dict[str, object], purpose: str) -> set[str]:
    keys = bundle["keys"]
    assert isinstance(keys, list)
    return {key["key_id"] for key in keys if key["purpose"] == purpose and key["state"] == "active"}


def test_keys_are_made_in_the_token_used_from_there_and_rotated_there(operated, serving):
    process, target = serving
    assert not list((operated.directory / "state" / "keys").glob("*.key")), "no private key is in a file"
    with (
        Client.connect(operated.profile("planner", target)) as client,
        Guard.connect("files", operated.profile("files", target)) as guard,
    ):
        used: set[str] = set()

        def works() -> None:
            with client.task("Look", scope=Scope(tool("files", "read", path=under("/srv")))) as task:
                made = task.hand_off("spiffe://acme.example/helper").call("files", "read", {"path": "/srv/a"})
                call = guard.authorize(made.carriage, "read", made.arguments)
                used.add(call.chain.grant.issuer_key_id.hex())

        works()
        before = set(used)
        published = active(operated.keys("rotate", "grant"), "grant")
        assert len(published) == 2
        deadline = time.monotonic() + TIMEOUT_S
        while used == before:
            assert time.monotonic() < deadline, "the new key is not used"
            process.send_signal(signal.SIGHUP)
            time.sleep(0.1)
            works()
        assert used == published


def test_a_compromised_key_of_a_token_is_replaced_in_the_token(operated):
    (lost,) = active(operated.run("keys", "show", "--keys", os.fspath(operated.directory / "state" / "keys")), "grant")
    bundle = operated.keys("compromise", lost, "--since=2026-01-01T00:00Z")
    (new,) = active(bundle, "grant")
    assert new != lost
    (state,) = [key for key in bundle["keys"] if key["key_id"] == lost]
    assert (state["state"], state["compromised_at_ms"]) == ("compromised", 1_767_225_600_000)
