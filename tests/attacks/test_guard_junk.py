"""Whatever callers throw at a guard, what it records is taken by the real service: nobody can jam the records."""

from __future__ import annotations

import random

import pytest

from delegation.errors import Refused
from delegation_sdk import Client, Guard, Scope, any_call, tool, under
from delegation_sdk.carriage import Carriage
from support.server import running_server

CATALOGUE = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
local = true
"""
NAMES = ("read", "write", "", "x" * 513, "é" * 257, "a\nb", "\ud800", "a\u202eb", "read ", "../read", "' OR 1=1")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    home = tmp_path_factory.mktemp("junk")
    (home / "tools.toml").write_text(CATALOGUE)
    with running_server(home / "state", catalogue=home / "tools.toml") as server:
        yield server


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Damage bytes in one of the usual ways."""
    damaged = bytearray(data)
    match rng.randrange(6):
        case 0:
            return b""
        case 1:
            return rng.randbytes(rng.randrange(1, 3_000))
        case 2:
            return bytes(damaged[: rng.randrange(len(damaged))])
        case 3:
            return data + data
        case 4:
            return data
        case _:
            for _ in range(rng.randrange(1, 9)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            return bytes(damaged)


def test_nothing_that_callers_send_jams_the_records_of_a_guard(service):
    rng = random.Random(20_260_801)
    scope = Scope(tool("files", "read", path=under("/srv")), any_call("files", "write"))
    with (
        Client.connect(service.profile("agent/planner")) as client,
        Client.connect(service.profile()) as operator,
        client.task("Look", scope=scope) as task,
    ):
        guard = Guard.connect("files", service.profile("tool/files"))
        chains = [task, task.hand_off("spiffe://test.example/agent/helper")]
        permitted = []
        for number in range(600):
            name = NAMES[0] if rng.random() < 0.5 else rng.choice(NAMES)
            arguments = rng.choice(({"path": "/srv/a"}, {"path": "/etc"}, {}, {"path": float("nan")}, {"\ud800": 1}))
            genuine = rng.choice(chains).call("files", "read", {"path": "/srv/a"}).carriage
            carriage = Carriage(mutated(rng, genuine.token), mutated(rng, genuine.proof))
            try:
                permitted.append(guard.authorize(carriage, name, arguments))
            except Refused:
                continue
            permitted[-1].report(resource=rng.choice(("a", "\udcff", "x" * 9_000, "a\nb")), number=number)
        assert permitted, "some were left as they were"
        guard.close()  # raises if anything is left over
        for call in permitted:
            explained = operator.lineage.explain_call(call.call_id)
            assert explained.call.allowed
            assert explained.call.outcome == "ok"
