"""A service as `docs/operations.md` has an operator run it, with the files that stand there.

Nothing of `--dev` is used, and clients know what the operator told them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from certificates import now
from delegation.app import create_root_key, create_service_keys
from delegation.cli import exit_codes
from delegation.errors import NotPermitted, PolicyDenied, Reason, Refused, Revoked, Unauthenticated
from delegation.identity.dev_ca import DevelopmentCa
from delegation.signing.sealed_format import ScryptCost
from delegation_sdk import AsyncClient, Client, Guard, Scope, any_call, tool, under

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
FILES = dict(re.findall(r"```toml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
ADDRESS = "127.0.0.1:7443"
SCOPE = Scope(tool("files", "read", path=under("/srv/a")), tool("files", "write", path=under("/srv/out")))
TIMEOUT_S = 60


def command(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "delegation.cli", *arguments]
    return subprocess.run(line, cwd=directory, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)


def set_up(directory: Path) -> None:
    """Do what an operator does; only the keys are not made by `keys init`, since such are slow to open on purpose."""
    ca = DevelopmentCa.create("acme.example", now=now())
    (directory / "ca").mkdir(mode=0o700)
    ca.write(directory / "ca")
    server = ca.issue("spiffe://acme.example/service", now=now(), names=["127.0.0.1"])
    server.write(directory / "service", "server")
    for name in ("planner", "files", "ada", "stranger"):
        ca.issue(f"spiffe://acme.example/{name}", now=now()).write(directory / name, "client")
    configuration = FILES["service.toml"].replace(ADDRESS, "127.0.0.1:0")
    texts = {"tools.toml": FILES["tools.toml"], "service.toml": configuration, "passphrase": "quite secret\n"}
    for name, text in texts.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o600)
    cheap = ScryptCost(log2_n=10)
    create_root_key(directory / "root", b"quite secret", cost=cheap)
    create_service_keys(directory / "state" / "keys", b"quite secret", cost=cheap)
    options = [f"--{name}=passphrase" for name in ("passphrase-file", "root-passphrase-file")]
    signed = command(
        directory,
        *("keys", "sign-bundle", "--trust-domain=acme.example", "--keys=state/keys", "--root=root"),
        *("--catalogue=tools.toml", *options),
    )
    assert signed.returncode == exit_codes.OK, signed.stderr


@dataclass
class Operated:
    """A service that listens, and who may call it."""

    directory: Path
    target: str

    def profile(self, name: str) -> Path:
        path = self.directory / name / "profile.toml"
        root = (self.directory / "root" / "root.pub").read_text().strip()
        profile = FILES["profile.toml"].replace(ADDRESS, self.target)
        path.write_text(profile.replace("the text of root/root.pub", root))
        return path

    def as_auditor(self, *arguments: str) -> object:
        done = command(self.directory, *arguments, "--json", "--profile", os.fspath(self.profile("ada")))
        assert done.returncode == exit_codes.OK, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    directory = tmp_path_factory.mktemp("operated")
    set_up(directory)
    line = [sys.executable, "-m", "delegation.cli", "serve", "--config=service.toml"]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(line, cwd=directory, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        said = process.stdout.readline()
        assert said.startswith("Serving acme.example at "), (directory / "log").read_text()
        yield Operated(directory, said.split()[-1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == exit_codes.OK
        assert "Traceback" not in (directory / "log").read_text()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def decide(guard, held, name, **arguments):
    call = held.call("files", name, arguments)
    return guard.authorize(call.carriage, name, call.arguments)


def test_a_task_is_granted_handed_off_called_and_completed(service):
    with (
        Client.connect(service.profile("planner")) as client,
        Guard.connect("files", service.profile("files")) as guard,
    ):
        with client.task("Tidy up", scope=SCOPE) as task:
            reader = task.hand_off("spiffe://acme.example/reader", scope=task.scope.only("files", "read"))
            read = decide(guard, reader, "read", path="/srv/a/b")
            written = decide(guard, task, "write", path="/srv/out/b")
            with pytest.raises(NotPermitted) as caught:
                decide(guard, reader, "write", path="/srv/out/b")
            assert (caught.value.reason, caught.value.link_index) == (Reason.TOOL_NOT_PERMITTED, 1)
        with pytest.raises(Revoked):
            decide(guard, task, "write", path="/srv/out/b")

    told = service.as_auditor("trace", task.task_id.hex())
    assert told["task"]["completed_by"] == "spiffe://acme.example/planner"
    allowed = {call["call_id"] for call in service.as_auditor("calls", "--allowed")["calls"]}
    assert {read.call_id.hex(), written.call_id.hex()} <= allowed


async def test_asyncio_does_the_same(service):
    with Guard.connect("files", service.profile("files")) as guard:
        async with AsyncClient.connect(service.profile("planner")) as client:
            async with client.task("Tidy up", scope=SCOPE) as task:
                writer = await task.hand_off("spiffe://acme.example/writer", scope=task.scope.only("files", "write"))
                call = writer.call("files", "write", {"path": "/srv/out/b"})
                authorized = await guard.aio.authorize(call.carriage, "write", call.arguments)
                assert authorized.agent == "spiffe://acme.example/writer"
            call = writer.call("files", "write", {"path": "/srv/out/b"})
            with pytest.raises(Refused, match="task_ended"):
                await guard.aio.authorize(call.carriage, "write", call.arguments)


def test_nobody_gets_more_than_the_configured_ceiling(service):
    with Client.connect(service.profile("planner")) as client, pytest.raises(PolicyDenied) as caught:
        client.begin_task("Look around", scope=Scope(any_call("files", "read")))
    assert caught.value.reason is Reason.CEILING_EXCEEDED


def test_whoever_the_operator_has_not_listed_is_refused_though_the_ca_knows_it(service):
    with Client.connect(service.profile("stranger")) as client, pytest.raises(Unauthenticated):
        client.begin_task("Look around", scope=SCOPE)


def test_each_sees_its_own_and_the_auditor_all(service):
    with Client.connect(service.profile("planner")) as client, client.task("Look", scope=SCOPE) as task:
        with Guard.connect("files", service.profile("files")) as guard:
            decide(guard, task, "write", path="/srv/out/c")
        seen = service.as_auditor("calls", "--task", task.task_id.hex())["calls"]
        assert [(call["tool"], call["agent"]) for call in seen] == [("write", "spiffe://acme.example/planner")]
    profile = os.fspath(service.profile("files"))
    hidden = command(service.directory, "trace", task.task_id.hex(), "--profile", profile)
    assert hidden.returncode == exit_codes.REFUSED
    assert hidden.stderr.count("\n") == 1
