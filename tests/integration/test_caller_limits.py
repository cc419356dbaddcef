"""One caller that asks for everything at once does not keep others from being served. Nothing here depends on time."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager

import grpc
import pytest

from delegation.core.conditions import at_most_calls
from delegation.core.scope import any_call
from delegation.errors import Conflict, InvalidRequest, NotFound, Overloaded
from delegation.v1 import authorization_service_pb2 as authorization_pb
from delegation.v1 import delegation_service_pb2 as delegation_pb
from delegation.v1 import lineage_service_pb2 as lineage_pb
from delegation.v1 import trust_service_pb2 as trust_pb
from delegation.wire import authorization
from delegation.wire.errors import error_of_call
from support.caller import Caller, new_key, nonce
from support.load import until
from support.server import running_server
from support.unread import unread_stream

READ = any_call("files", "read")
NOISY, QUIET = "agent/noisy", "agent/quiet"


@contextmanager
def serving(directory, **limits):
    limits = {"drain_ms": 2_000, "rate_per_caller": 1_000_000, **limits}
    with (
        running_server(directory, limits=limits) as server,
        Caller.of(server, NOISY) as noisy,
        Caller.of(server, QUIET) as quiet,
    ):
        yield server, noisy, quiet


class Gate:
    """Holds the calls that come to a use case, until it is opened."""

    def __init__(self, server, monkeypatch, kind, method):
        self.server, self.waiting = server, 0
        self._open = asyncio.Event()
        genuine = getattr(kind, method)

        async def held(it, caller, *args, **options):
            if caller.id.endswith(NOISY):
                self.waiting += 1
                await self._open.wait()
            return await genuine(it, caller, *args, **options)

        monkeypatch.setattr(kind, method, held)

    def open(self):
        self.server.loop.call_soon_threadsafe(self._open.set)


def test_an_answer_that_nobody_takes_counts_until_its_connection_ends(tmp_path):
    with serving(tmp_path) as (server, _, quiet):
        shares = server.application._server._door._shares._shares
        with unread_stream(server.target, server.profile(NOISY), "/delegation.v1.TrustService/GetTrustBundle"):
            (noisy,) = (share for caller_id, share in shares.items() if caller_id.endswith(NOISY))
            until(lambda: (noisy.calls, noisy.untaken) == (0, 1))
            quiet.trust_documents()
        until(lambda: noisy.idle)


@pytest.fixture
def held_lists(monkeypatch):
    from delegation.service.lineage import Lineage

    return lambda server: Gate(server, monkeypatch, Lineage, "tasks")


def begin(caller, count):
    request = lineage_pb.ListTasksRequest()
    return [caller.lineage.ListTasks.future(request, timeout=60) for _ in range(count)]


def ask_often(caller):
    for _ in range(1000):
        caller.tasks()


def wait_until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def status(call):
    try:
        call.result(60)
    except grpc.RpcError as error:
        return error_of_call(error)
    return None


def test_a_noisy_caller_is_refused_with_advice_and_a_quiet_one_is_served(tmp_path, held_lists):
    with serving(tmp_path, calls_per_caller=8, queue_capacity=16) as (server, noisy, quiet):
        gate = held_lists(server)
        calls = begin(noisy, 200)
        wait_until(lambda: sum(call.done() for call in calls) == 200 - 8)
        done = [call for call in calls if call.done()]
        refused = [status(call) for call in done]
        assert all(isinstance(error, Overloaded) and error.retry_after_ms > 0 for error in refused)
        for _ in range(20):
            quiet.tasks()
        assert gate.waiting == 8
        gate.open()
        assert [status(call) for call in calls if call not in done] == [None] * 8
        noisy.tasks()


def test_the_rate_is_each_callers_own(tmp_path):
    with serving(tmp_path, rate_per_caller=1) as (_, noisy, quiet):
        noisy.tasks()
        with pytest.raises(Overloaded) as refused:
            ask_often(noisy)
        assert 0 < refused.value.retry_after_ms <= 1_000
        quiet.tasks()


def test_streams_are_counted(tmp_path):
    with serving(tmp_path, streams_per_caller=3) as (_, noisy, quiet):
        open_streams = [noisy.watch() for _ in range(3)]
        for stream in open_streams:
            next(stream)
        with pytest.raises(grpc.RpcError) as refused:
            next(noisy.watch())
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert isinstance(error_of_call(refused.value), Overloaded)
        stream = quiet.watch()
        next(stream)
        stream.cancel()
        for stream in open_streams:
            stream.cancel()


def test_a_stream_of_calls_is_not_refused_but_read_as_there_is_room(tmp_path):
    with serving(tmp_path, calls_per_caller=2) as (_, noisy, _quiet):
        task = noisy.grant(READ)
        calls = [task.question("files", "read", {"n": n}) for n in range(100)]
        decisions = noisy.decide_stream(calls)
        assert [decision.refusal for decision in decisions] == [None] * 100


def test_whoever_is_refused_is_not_read(tmp_path, held_lists, monkeypatch):
    """The request of a caller beyond its limit is not even parsed: bytes that are no message are not noticed."""
    with serving(tmp_path, calls_per_caller=1) as (server, noisy, _):
        gate = held_lists(server)
        (held,) = begin(noisy, 1)
        raw = noisy.channel.unary_unary("/delegation.v1.LineageService/GetTask")
        wait_until(lambda: gate.waiting)
        with pytest.raises(grpc.RpcError) as refused:
            raw(b"\xff\xff\xff", timeout=20)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        gate.open()
        assert status(held) is None
        with pytest.raises(grpc.RpcError) as refused:
            raw(b"\xff\xff\xff", timeout=20)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


# -- further bad input, over a real server ---------------------------------------------------------------------


def test_a_message_over_its_size_is_refused_before_it_is_read(tmp_path):
    with serving(tmp_path, max_message_bytes=64 * 1024) as (_, noisy, quiet):
        request = trust_pb.RequestOfferRequest(agent="x" * 70_000)
        with pytest.raises(grpc.RpcError) as refused:
            noisy.trust.RequestOffer(request, timeout=20)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert isinstance(error_of_call(refused.value), InvalidRequest), "and not Overloaded: it is no use to try again"
        quiet.tasks()


def test_a_task_with_links_larger_than_one_answer_is_refused_as_a_whole_before_they_are_read(tmp_path):
    with serving(tmp_path, max_message_bytes=64 * 1024) as (_, noisy, quiet):
        task = noisy.grant(*(any_call("files", f"read-{number:03d}", at_most_calls(9)) for number in range(100)))
        child = noisy.hand_off(task, "agent/child")
        link_bytes = len(child.token) // 2
        assert len(noisy.task(task.task_id)[1]) == 2
        for number in range(64 * 1024 // link_bytes + 2):
            noisy.hand_off(task, f"agent/child-{number}")
        with pytest.raises(InvalidRequest, match="larger than one answer"):
            noisy.task(task.task_id)
        with pytest.raises(NotFound):
            quiet.task(task.task_id)


def test_a_stale_idempotency_key_with_another_body_is_a_conflict_whatever_is_asked(tmp_path):
    with serving(tmp_path) as (_, noisy, _quiet):
        key, holder = nonce().hex(), new_key()
        task = noisy.grant(READ, key=holder, idempotency_key=key)
        with pytest.raises(Conflict):
            noisy.grant(READ, key=holder, idempotency_key=key, purpose="another")
        first, second = task.child("agent/a"), task.child("agent/b")
        noisy.record(first, idempotency_key=key)
        with pytest.raises(Conflict):
            noisy.record(second, idempotency_key=key)
        reissue = delegation_pb.ReissueRequest(task_id=task.task_id, holder_key=new_key().public, idempotency_key=key)
        noisy.ask(noisy.delegation.Reissue, reissue)
        reissue.lifetime_ms = 60_000
        with pytest.raises(Conflict):
            noisy.ask(noisy.delegation.Reissue, reissue)


def test_a_stream_that_is_cut_off_gives_back_what_was_under_way(tmp_path):
    with serving(tmp_path, calls_per_caller=2) as (_, noisy, _quiet):
        task = noisy.grant(READ)
        for _ in range(20):
            message = authorization.authorize_request_message(task.question("files", "read", {}))
            requests = iter([authorization_pb.AuthorizeStreamRequest(call=message)] * 50)
            stream = noisy.authorization.AuthorizeStream(requests, timeout=20)
            next(stream)
            stream.cancel()
        assert noisy.decide_stream([task.question("files", "read", {})])[0].refusal is None
