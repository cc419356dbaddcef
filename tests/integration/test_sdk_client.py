"""The clients against a real service, over mTLS."""

from __future__ import annotations

import asyncio
import threading

import pytest

from delegation.errors import (
    BadStatement,
    NotFound,
    PermissionDenied,
    PolicyDenied,
    Reason,
    RequestFailed,
    Revoked,
    ScopeGrew,
    ServiceUnavailable,
    Unauthenticated,
)
from delegation_sdk import AsyncClient, Client, Guard, Profile, Scope, tool, under
from support.server import identity, running_server

PLANNER = "agent/planner"
HELPER = "agent/helper"
SCOPE = Scope(tool("files", "read", path=under("/srv")))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("service")) as server:
        yield server


@pytest.fixture
def planner(server):
    with Client.connect(server.profile(PLANNER)) as client:
        yield client


def test_a_client_knows_who_it_is(planner):
    assert planner.agent == "spiffe://test.example/agent/planner"


def test_the_environment_finds_the_profile(server, monkeypatch):
    monkeypatch.setenv("DELEGATION_PROFILE", str(server.profile(PLANNER)))
    with Client.connect() as client, client.task("Look", scope=SCOPE) as task:
        assert task.scope == SCOPE


def test_a_task_is_granted_handed_on_and_completed(planner):
    with planner.task("Read it", scope=SCOPE, ttl="5m", max_depth=2) as task:
        helper = task.hand_off("spiffe://test.example/agent/helper", scope=SCOPE.where(path=under("/srv/a")), ttl="1m")
        assert helper.recorded
        assert {statement.kind for statement in helper.chain.statements} >= {"receipt"}
        with pytest.raises(ScopeGrew):
            helper.hand_off("spiffe://test.example/agent/sub", scope=SCOPE)

    with pytest.raises(Revoked) as caught:
        helper.hand_off("spiffe://test.example/agent/sub")
    assert caught.value.reason is Reason.TASK_ENDED


def test_a_handoff_can_be_revoked_by_its_delegator(planner):
    with planner.task("Read it", scope=SCOPE) as task:
        helper = task.hand_off("spiffe://test.example/agent/helper")
        task.revoke(helper, justification="enough")
        with pytest.raises(Revoked):
            helper.hand_off("spiffe://test.example/agent/sub")
        task.hand_off("spiffe://test.example/agent/helper")


def test_work_reaches_a_listening_agent(server, planner):
    received = []
    with Client.connect(server.profile(HELPER)) as helper, helper.listen() as work:

        def listen():
            received.append(next(work))

        listener = threading.Thread(target=listen)
        listener.start()
        with planner.task("Read it", scope=SCOPE) as task:
            offer = planner.request_offer("spiffe://test.example/agent/helper")
            handed = task.hand_off("spiffe://test.example/agent/helper", offer=offer)
            listener.join(10)

            assert not handed.holds_key
            assert received[0].holds_key
            assert received[0].digest == handed.digest
            assert {statement.kind for statement in received[0].chain.statements} == {"receipt", "binding"}
            received[0].hand_off("spiffe://test.example/agent/sub")


async def test_work_reaches_a_listening_agent_in_asyncio(server):
    async with (
        AsyncClient.connect(server.profile(PLANNER)) as planner,
        AsyncClient.connect(server.profile("agent/other")) as helper,
        helper.listen() as work,
        planner.task("Read it", scope=SCOPE) as task,
    ):
        waiting = asyncio.create_task(anext(work))
        await asyncio.sleep(0)
        offer = await planner.request_offer("spiffe://test.example/agent/other")
        handed = await task.hand_off("spiffe://test.example/agent/other", offer=offer)
        received = await asyncio.wait_for(waiting, 10)

        assert received.digest == handed.digest
        assert received.holds_key
        await received.hand_off("spiffe://test.example/agent/sub")


def test_closing_a_listener_ends_its_loop(server):
    with Client.connect(server.profile("agent/idle")) as idle:
        work = idle.listen()
        work.open()
        threading.Timer(0.05, work.close).start()
        assert list(work) == []


async def test_closing_a_listener_ends_its_loop_in_asyncio(server):
    async with AsyncClient.connect(server.profile("agent/idle")) as idle:
        work = idle.listen()
        await work.open()
        asyncio.get_running_loop().call_later(0.05, lambda: asyncio.ensure_future(work.close()))
        assert [each async for each in work] == []


def test_a_listener_survives_a_restart_of_the_service(tmp_path):
    with running_server(tmp_path) as server:
        target = server.target
        planner, helper = (Client.connect(server.profile(name)) for name in (PLANNER, HELPER))
        work = helper.listen()
        work.open()
    received = []
    listener = threading.Thread(target=lambda: received.append(next(work)))
    listener.start()
    with running_server(tmp_path, listen=target), planner, helper:
        task = planner.begin_task("Read it", scope=SCOPE)
        task.hand_off("spiffe://test.example/agent/helper", offer=offered(planner))
        listener.join(10)
        assert received[0].holds_key
        work.close()


def offered(planner):
    """An offer, as soon as the agent is back."""
    while True:
        try:
            return planner.request_offer("spiffe://test.example/agent/helper")
        except NotFound:
            continue


def test_nobody_listening_is_said(planner):
    with pytest.raises(NotFound):
        planner.request_offer("spiffe://test.example/agent/nobody")


def test_nobody_listens_in_anothers_name(planner):
    with pytest.raises(RequestFailed):
        planner.listen("spiffe://test.example/agent/helper").open()


def test_an_agent_registers_with_its_owner(planner):
    planner.register("team-planning")
    with planner.task("Look", scope=SCOPE) as task:
        _, (link,) = planner.lineage.get_task(task.task_id)
    assert link.owner == "team-planning"


def test_a_request_that_makes_no_sense_is_an_error_of_the_tree(planner):
    with pytest.raises(RequestFailed):
        planner.begin_task("", scope=SCOPE)


def test_more_than_the_ceiling_is_refused(tmp_path):
    limited = identity(PLANNER, "agent", "orchestrator")
    with (
        running_server(tmp_path, identities=[limited]) as server,
        Client.connect(server.profile(PLANNER)) as client,
        pytest.raises((PolicyDenied, PermissionDenied, ScopeGrew)),
    ):
        client.begin_task("Read it", scope=SCOPE)


def test_a_certificate_of_another_authority_gets_nowhere(server, tmp_path):
    with running_server(tmp_path) as elsewhere:
        stranger = Profile.load(elsewhere.profile(PLANNER))
        profile = Profile(
            server.target, Profile.load(server.profile()).ca, stranger.certificate, stranger.key, server.trust_root
        )
        with Client.connect(profile) as client, pytest.raises((ServiceUnavailable, Unauthenticated)):
            client.begin_task("Read it", scope=SCOPE)


def test_a_service_that_is_down_is_a_clear_error_and_handoffs_go_on_where_allowed(tmp_path):
    with running_server(tmp_path) as server:
        profile = server.profile(PLANNER)
        client = Client.connect(profile)
        strict = client.begin_task("Read it", scope=SCOPE)
        lenient = client.begin_task("Read it", scope=SCOPE, unrecorded_handoffs=True)
        target = server.target
    with pytest.raises(ServiceUnavailable):
        client.begin_task("Read it", scope=SCOPE)
    with pytest.raises(ServiceUnavailable):
        strict.hand_off("spiffe://test.example/agent/helper")
    helper = lenient.hand_off("spiffe://test.example/agent/helper")
    assert not helper.recorded

    with running_server(tmp_path, listen=target):
        assert client.record(helper).recorded
        strict.complete()
    client.close()


def test_over_a_unix_socket(tmp_path):
    with (
        running_server(tmp_path / "state", listen=f"unix:{tmp_path}/d.sock") as server,
        Client.connect(server.profile(PLANNER)) as client,
        client.task("Read it", scope=SCOPE) as task,
    ):
        assert task.hand_off("spiffe://test.example/agent/helper").recorded


def test_a_profile_of_another_root_is_not_trusted(server):
    wrong = Profile.load(server.profile("tool/files"))
    profile = Profile(wrong.target, wrong.ca, wrong.certificate, wrong.key, bytes(31) + b"\x01", wrong.server_name)
    with pytest.raises(BadStatement, match="bundle_invalid"):
        Guard.connect("files", profile)
