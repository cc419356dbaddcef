"""Requests for approval as a stream: told to those who may see them, as they are made, answered and withdrawn."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import grpc
import pytest

from delegation.core.approval_request import ApprovalState
from delegation.errors import NotFound
from delegation.v1 import approval_service_pb2 as pb
from delegation_sdk import Client
from delegation_sdk.aio import AsyncClient
from delegation_sdk.transport_grpc import GrpcTransport
from support.approvals import ANN, BEN, CY, EVE, PLANNER, WORKER, running_world

DEADLINE_S = 60
PENDING, APPROVED, REFUSED = ApprovalState.PENDING, ApprovalState.APPROVED, ApprovalState.REFUSED


class Told:
    """What a watcher is told, gathered by a thread, until it is closed."""

    def __init__(self, watching):
        self._watching, self._some = watching, threading.Condition()
        self._requests = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        for request in self._watching:
            with self._some:
                self._requests.append(request)
                self._some.notify_all()

    def states(self, request):
        with self._some:
            return [each.state for each in self._requests if each.request_id == request.request_id]

    def until(self, request, state):
        with self._some:
            assert self._some.wait_for(
                lambda: any((e.request_id, e.state) == (request.request_id, state) for e in self._requests), DEADLINE_S
            ), [each.state for each in self._requests]

    def close(self):
        self._watching.close()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()


@contextmanager
def told(world, who, **which):
    watcher = Told(world.client(who).approvals.watch(**which))
    try:
        yield watcher
    finally:
        watcher.close()


@pytest.mark.spec("A-36")
def test_who_watches_is_told_of_what_is_open_and_of_what_is_made(world):
    task = world.task(world.needs(ANN))
    before = world.ask(task)
    with told(world, ANN) as ann:
        ann.until(before, PENDING)
        later = world.ask(task, {"path": "/srv/later"})
        ann.until(later, PENDING)
        assert ann.states(before) == [PENDING]


@pytest.mark.spec("A-36")
@pytest.mark.parametrize(("approve", "state"), [(True, APPROVED), (False, REFUSED)])
def test_who_watches_is_told_how_a_request_ends(world, approve, state):
    task = world.task(world.needs(ANN, BEN))
    request = world.ask(task)
    with told(world, ANN) as ann, told(world, PLANNER, task_id=task.task_id) as planner:
        for watcher in (ann, planner):
            watcher.until(request, PENDING)
        world.answer(BEN, request, approve=approve)
        for watcher in (ann, planner):
            watcher.until(request, state)
            assert watcher.states(request) == [PENDING, state]


@pytest.mark.spec("A-36")
def test_an_answer_that_does_not_suffice_is_told_too(world):
    task = world.task(world.needs(ANN, BEN, CY, threshold=2))
    request = world.ask(task)
    with told(world, CY) as cy:
        cy.until(request, PENDING)
        world.answer(ANN, request)
        world.answer(BEN, request)
        cy.until(request, APPROVED)
    assert cy.states(request)[0] is PENDING


@pytest.mark.spec("A-36")
def test_nobody_is_told_of_what_they_may_not_see(world):
    task, other = world.task(world.needs(ANN)), world.task(world.needs(ANN, EVE))
    with told(world, EVE) as eve, told(world, WORKER) as worker, told(world, "auditor/ada") as ada:
        hidden = world.ask(task)
        shown = world.ask(other)
        eve.until(shown, PENDING)
        ada.until(shown, PENDING)
        ada.until(hidden, PENDING)
        assert eve.states(hidden) == []
        assert worker.states(hidden) == worker.states(shown) == []
        assert all(not each.arguments_json for each in ada._requests)


@pytest.mark.spec("A-36")
def test_a_watcher_of_one_task_is_told_of_no_other(world):
    task, other = world.task(world.needs(ANN)), world.task(world.needs(ANN))
    with told(world, ANN, task_id=task.task_id) as ann:
        elsewhere = world.ask(other)
        here = world.ask(task)
        ann.until(here, PENDING)
        assert ann.states(elsewhere) == []


def watched(world, who, **which):
    caller = world.caller(who)
    return caller.approvals.WatchApprovals(pb.WatchApprovalsRequest(**which), timeout=DEADLINE_S)


@pytest.mark.spec("A-36")
def test_one_request_is_told_in_whatever_state_and_the_stream_ends_with_it(world):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    stream = watched(world, PLANNER, request_id=request.request_id)
    assert next(stream).request.state == pb.APPROVAL_STATE_PENDING
    world.answer(ANN, request)
    assert [each.request.state for each in stream if each.HasField("request")] == [pb.APPROVAL_STATE_APPROVED]
    (over,) = watched(world, PLANNER, request_id=request.request_id)
    assert over.request.state == pb.APPROVAL_STATE_APPROVED


@pytest.mark.spec("A-36")
def test_one_request_is_told_to_nobody_who_may_not_see_it(world):
    request = world.ask(world.task(world.needs(ANN)))
    with pytest.raises(grpc.RpcError) as refused:
        next(watched(world, EVE, request_id=request.request_id))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as torn:
        next(watched(world, PLANNER, request_id=request.request_id[:8]))
    assert torn.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.spec("A-36")
def test_a_heartbeat_says_that_everything_was_told(world):
    stream = watched(world, CY, task_id=world.task().task_id)
    for _ in range(3):
        assert not next(stream).HasField("request")
    stream.cancel()


@pytest.mark.spec("A-36")
def test_what_was_missed_while_the_service_was_away_is_told(tmp_path):
    with running_world(tmp_path / "state") as world:
        listen = world.server.target  # where it is found again
        task = world.task(world.needs(ANN))
        request, other = world.ask(task), world.ask(task, {"path": "/srv/other"})
        profile = world.server.profile(ANN)
    with Client.connect(profile) as client:
        watcher = Told(client.approvals.watch())
        with running_world(tmp_path / "state", listen=listen):
            for each in (request, other):
                watcher.until(each, PENDING)
        with running_world(tmp_path / "state", listen=listen) as again:
            again.answer(ANN, again.state(request, by=ANN))
            watcher.until(request, APPROVED)
            later = again.ask(task, {"path": "/srv/later"})
            watcher.until(later, PENDING)
        watcher.close()
    assert watcher.states(other) == [PENDING]


def test_closing_ends_it_at_once(world):
    watching = world.client(ANN).approvals.watch(task_id=world.task().task_id)
    ended = threading.Event()

    def watch():
        list(watching)
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    watching.close()
    assert ended.wait(DEADLINE_S)


async def test_asyncio_is_told_the_same(world):
    task = world.task(world.needs(ANN, BEN))
    request = world.ask(task)
    async with (
        AsyncClient.connect(world.server.profile(ANN)) as client,
        client.approvals.watch(task_id=task.task_id) as watching,
        asyncio.timeout(DEADLINE_S),
    ):
        first = await anext(watching)
        await asyncio.to_thread(world.answer, BEN, request)
        second = await anext(watching)
        watching.close()
        assert [each async for each in watching] == []
    assert [(each.request_id, each.state) for each in (first, second)] == [
        (request.request_id, PENDING),
        (request.request_id, APPROVED),
    ]


def test_a_watcher_who_is_nobody_is_told_so(world):
    with pytest.raises(NotFound):
        world.client(EVE).approvals.wait_for(world.ask(world.task(world.needs(ANN))).request_id, timeout="1m")


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_prints_requests_as_they_come_and_ends_with_ctrl_c(world, as_json):
    task = world.task(world.needs(ANN))
    request = world.ask(task)
    command = [sys.executable, "-m", "delegation.cli", "approvals", "watch", "--task", task.task_id.hex()]
    command += ["--profile", str(world.server.profile(ANN)), *(["--json"] if as_json else [])]
    environment = {**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as watching:
        first = watching.stdout.readline()
        world.answer(ANN, request)
        lines = [first]
        while not any("approved" in line for line in lines):
            lines.append(watching.stdout.readline())
            assert lines[-1], "it ended"
        watching.send_signal(signal.SIGINT)
        assert watching.wait(DEADLINE_S) == 0
    assert request.request_id.hex() in first
    if as_json:
        assert [json.loads(line)["state"] for line in lines] == ["pending", "approved"]


def test_who_waits_is_told_by_the_stream_and_asks_where_there_is_none(world, monkeypatch):
    task, other = world.task(world.needs(ANN)), world.task(world.needs(ANN))
    asked = []
    unary = GrpcTransport.unary
    monkeypatch.setattr(GrpcTransport, "unary", lambda self, rpc: asked.append(rpc.method) or unary(self, rpc))

    def wait(request):
        asked.clear()
        threading.Timer(0.3, lambda: world.answer(ANN, request)).start()
        return world.client(PLANNER).approvals.wait_for(request.request_id, timeout="1m")

    assert wait(world.ask(task)).state is APPROVED
    assert asked.count("delegation.v1.ApprovalService/GetApproval") == 1

    def broken(self, rpc):
        raise NotFound("a service of the version before has no such stream")

    monkeypatch.setattr(GrpcTransport, "watch", broken)
    assert wait(world.ask(other)).state is APPROVED
    assert asked.count("delegation.v1.ApprovalService/GetApproval") > 1
