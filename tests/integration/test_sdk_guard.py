"""A guard against a real service: decisions in process and online, records, outages."""

from __future__ import annotations

import subprocess
import sys

import pytest

from delegation.errors import NotPermitted, PolicyDenied, Reason, Refused, Revoked, Undecided
from delegation_sdk import Client, Guard, Scope, at_most, tool, under
from support.server import identity, running_server

PLANNER = "agent/planner"
SCOPE = Scope(tool("files", "read", path=under("/srv")), tool("files", "write", path=under("/srv"), size=at_most(9)))
CATALOGUE = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
local = true

[[tool]]
audience = "files"
name = "write"
owner = "tests"
effects = ["write"]
"""
IDENTITIES = (
    identity(PLANNER, "agent", "orchestrator", "auditor", ceiling="anything"),
    identity("tool/files", "tool", audiences=["files"]),
)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    path = tmp_path_factory.mktemp("catalogue") / "tools.toml"
    path.write_text(CATALOGUE)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory, catalogue):
    with running_server(tmp_path_factory.mktemp("service"), catalogue=catalogue) as server:
        yield server


@pytest.fixture
def guard(server):
    with Guard.connect("files", server.profile("tool/files")) as guard:
        yield guard


@pytest.fixture
def client(server):
    with Client.connect(server.profile(PLANNER)) as client:
        yield client


@pytest.fixture
def task(client):
    with client.task("Tidy up", scope=SCOPE) as task:
        yield task


def decide(guard, delegation, name, **arguments):
    with delegation.call("files", name, arguments) as call:
        return guard.authorize(call.carriage, name, call.arguments)


def decide_until_refused(guard, delegation, name, **arguments):
    """Connected guards hear of a revocation within moments."""
    while True:
        decide(guard, delegation, name, **arguments)


def test_a_local_tool_is_decided_in_process_and_recorded_later(server, task):
    helper = task.hand_off("spiffe://test.example/agent/helper", scope=task.scope.only("files", "read"))
    with Guard.connect("files", server.profile("tool/files")) as guard:
        call = decide(guard, helper, "read", path="/srv/a")
        call.report(bytes_read=12)
        with pytest.raises(NotPermitted):
            decide(guard, helper, "read", path="/etc")

    with Client.connect(server.profile()) as operator:
        explained = operator.lineage.explain_call(call.call_id)
    assert explained.call.allowed
    assert explained.call.call_id == call.call_id


@pytest.mark.spec("A-8")
def test_other_tools_are_decided_by_the_service(guard, task):
    assert decide(guard, task, "write", path="/srv/a", size=1).agent == "spiffe://test.example/agent/planner"
    with pytest.raises(NotPermitted) as caught:
        decide(guard, task, "write", path="/srv/a", size=10)
    assert (caught.value.reason, caught.value.link_index) == (Reason.ARGUMENT_REFUSED, 0)
    with pytest.raises(NotPermitted) as caught:
        decide(guard, task, "unheard_of")
    assert caught.value.reason is Reason.TOOL_NOT_PERMITTED


async def test_asyncio_decides_the_same(guard, task):
    for name, arguments in (("read", {"path": "/srv"}), ("write", {"path": "/srv/a", "size": 1})):
        call = task.call("files", name, arguments)
        assert (await guard.aio.authorize(call.carriage, name, arguments)).agent == task.agent
        with pytest.raises(Refused, match="proof_replayed"):
            await guard.aio.authorize(call.carriage, name, arguments)


@pytest.mark.spec("P-10")
def test_a_proof_is_good_for_one_guard_of_all(server, guard, task):
    call = task.call("files", "write", {"path": "/srv/a", "size": 1})
    guard.authorize(call.carriage, "write", call.arguments)
    with Guard.connect("files", server.profile("tool/files")) as other, pytest.raises(Refused, match="proof_replayed"):
        other.authorize(call.carriage, "write", call.arguments)


@pytest.mark.spec("R-4")
def test_after_completion_everything_is_refused(guard, client):
    with client.task("Tidy up", scope=SCOPE) as task:
        decide(guard, task, "read", path="/srv")

    with pytest.raises(Revoked) as caught:
        decide(guard, task, "write", path="/srv/a", size=1)
    assert caught.value.reason is Reason.TASK_ENDED
    with pytest.raises(Revoked) as caught:
        decide_until_refused(guard, task, "read", path="/srv")
    assert caught.value.reason is Reason.TASK_ENDED


@pytest.mark.spec("A-10")
def test_a_tool_speaks_for_its_own_audience_alone(tmp_path, catalogue):
    stranger = identity("tool/other", "tool", audiences=["other"])
    with (
        running_server(tmp_path, catalogue=catalogue, identities=[stranger]) as server,
        Client.connect(server.profile(PLANNER)) as client,
        client.task("Tidy up", scope=SCOPE) as task,
        Guard.connect("files", server.profile("tool/other")) as guard,
        pytest.raises(PolicyDenied) as caught,
    ):
        decide(guard, task, "write", path="/srv/a", size=1)
    assert caught.value.reason is Reason.NOT_YOUR_AUDIENCE


@pytest.mark.spec("A-9")
def test_an_outage_stops_what_the_service_decides_and_nothing_else(tmp_path, catalogue):
    with running_server(tmp_path, catalogue=catalogue) as server:
        target, profile, operator = server.target, server.profile("tool/files"), server.profile()
        client = Client.connect(server.profile(PLANNER))
        task = client.begin_task("Tidy up", scope=SCOPE)
        guard = Guard.connect("files", profile)
        decide(guard, task, "read", path="/srv/before")

    made = [decide(guard, task, "read", path=f"/srv/{number}") for number in range(5)]
    with pytest.raises(Undecided) as caught:
        decide(guard, task, "write", path="/srv/a", size=1)
    assert caught.value.reason is Reason.SERVICE_UNAVAILABLE

    with running_server(tmp_path, catalogue=catalogue, listen=target):
        guard.close()
        with Client.connect(operator) as looking:
            for call in made:
                assert looking.lineage.explain_call(call.call_id).call.allowed
        client.complete(task)
        client.close()


PROGRAM = """
import sys
from delegation_sdk import Client, Guard, Scope, tool
guard = Guard.connect("files", sys.argv[1])
client = Client.connect(sys.argv[2])
task = client.begin_task("Tidy up", scope=Scope(tool("files", "read")))
for _ in range(50):
    call = task.call("files", "read")
    print(guard.authorize(call.carriage, "read", {}).call_id.hex())
"""


def test_a_program_that_just_ends_loses_no_record(server):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, server.profile("tool/files"), server.profile(PLANNER)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    made = done.stdout.split()
    assert len(made) == 50
    with Client.connect(server.profile()) as operator:
        for call_id in made:
            assert operator.lineage.explain_call(bytes.fromhex(call_id)).call.allowed
