"""What a load balancer is told of a replica that has heard of a new trust bundle and was not given the new key."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from delegation.app.next_bundle import give_up_key
from delegation.core.scope import any_call
from delegation.core.trust import KeyPurpose
from delegation.errors import ServiceUnavailable
from delegation.signing.sealed_file import RANDOM_PASSPHRASE_COST, SealedFiles
from support.caller import Caller
from support.server import RunningServer, running_server

READ = any_call("files", "read")
SERVERS = ("", *(f"delegation.v1.{name}Service" for name in ("Delegation", "Authorization", "Trust", "Lineage")))
BUNDLE = "trust-bundle.bin"
DEADLINE_S = 60


@pytest.fixture
def server(tmp_path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "state") as running:
        yield running


def serving(caller: Caller) -> set[str]:
    """Ask for the server and each of its services, as load balancers do; give those that serve."""
    stub = health_pb2_grpc.HealthStub(caller.channel)

    def serves(name: str) -> bool:
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
        return answer.status == health_pb2.HealthCheckResponse.SERVING

    return {name for name in SERVERS if serves(name)}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def give_up(server: RunningServer, purpose: KeyPurpose, elsewhere: Path) -> Callable[[], None]:
    """Give up a key elsewhere and have the service hear of it; what is returned brings it the new key."""
    keys = server.application.config.keys_directory
    shutil.copytree(keys, elsewhere)
    passphrase = (keys / "passphrase").read_bytes().strip()
    former = getattr(server.application._parts.trust.in_use.keys, purpose).key_id
    give_up_key(
        elsewhere,
        former,
        store=SealedFiles(elsewhere, lambda: passphrase, cost=RANDOM_PASSPHRASE_COST),
        root_directory=elsewhere,
        root_passphrase=passphrase,
    )
    shutil.copy(elsewhere / BUNDLE, keys / BUNDLE)
    server.application.look_at_keys()

    def bring_key() -> None:
        for file in elsewhere.glob("*.key"):
            if not (keys / file.name).exists():
                shutil.copy(file, keys)

    return bring_key


def test_without_a_grant_key_nothing_is_granted_here_and_all_else_goes_on(server, tmp_path, capsys, caplog):
    with Caller.of(server, "agent/planner") as planner:
        assert serving(planner) == set(SERVERS)
        bring_key = give_up(server, KeyPurpose.GRANT, tmp_path / "elsewhere")
        until(lambda: serving(planner) == set(SERVERS) - {"delegation.v1.DelegationService"})
        with pytest.raises(ServiceUnavailable, match="no key that may sign"):
            planner.grant(READ)
        assert planner.trust_documents()
        assert "no key to sign with" in capsys.readouterr().out + caplog.text
        bring_key()
        until(lambda: serving(planner) == set(SERVERS))
        assert planner.decide(planner.grant(READ), "files", "read", {}).refusal is None


def test_without_a_statement_key_a_replica_is_not_ready_since_nobody_hears_of_revocations_from_it(server, tmp_path):
    with Caller.of(server, "agent/planner") as planner:
        bring_key = give_up(server, KeyPurpose.STATEMENT, tmp_path / "elsewhere")
        until(lambda: serving(planner) == {f"delegation.v1.{name}Service" for name in ("Authorization", "Lineage")})
        bring_key()
        until(lambda: serving(planner) == set(SERVERS))
        assert planner.decide(planner.grant(READ), "files", "read", {}).refusal is None


def test_a_checkpoint_key_keeps_nobody_from_work(server, tmp_path):
    with Caller.of(server, "agent/planner") as planner:
        give_up(server, KeyPurpose.CHECKPOINT, tmp_path / "elsewhere")
        until(lambda: KeyPurpose.CHECKPOINT in server.application._parts.trust.in_use.lacking)
        server.run(server.application._server._check_ready())
        assert serving(planner) == set(SERVERS)
        assert planner.decide(planner.grant(READ), "files", "read", {}).refusal is None
