"""A service that takes a question and never answers: the guard does not wait for ever, and denies."""

from __future__ import annotations

import threading
from concurrent import futures

import grpc
import pytest

from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason, Undecided
from delegation.v1 import authorization_service_pb2_grpc as pb_grpc
from delegation_sdk import Guard, Scope, any_call
from delegation_sdk.authority_grpc import GrpcAuthority
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.testing import Authority


class Silent(pb_grpc.AuthorizationServiceServicer):
    """Takes questions, and answers them long after anybody has waited for it, or when it is told to end."""

    def __init__(self):
        self.asked = threading.Semaphore(0)
        self.ends = threading.Event()

    def Authorize(self, request, context):  # noqa: N802 - the contract's name
        self.asked.release()
        self.ends.wait(30)
        context.abort(grpc.StatusCode.INTERNAL, "over")


@pytest.fixture
def silent():
    servicer, server = Silent(), grpc.server(futures.ThreadPoolExecutor(4))
    pb_grpc.add_AuthorizationServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield servicer, GrpcAuthority(channel, deadline_s=0.3)
        servicer.ends.set()
    server.stop(grace=None).wait()


@pytest.mark.spec("A-8", "A-9", "G-2")
async def test_a_service_that_does_not_answer_in_time_is_a_denial(silent):
    servicer, online = silent
    writes = CatalogueTool("files", "write", frozenset({Effect.WRITE}))
    with Authority(tools=[writes]) as authority:
        service = authority._service
        task = authority.client("spiffe://test.example/a").begin_task("x", scope=Scope(any_call("files", "write")))
        with Guard("files", GuardPorts(service, service, service, online), trust_root=authority.trust_root) as guard:
            guard.open()
            blocking, waiting = task.call("files", "write", {}), task.call("files", "write", {})
            with pytest.raises(Undecided) as caught:
                guard.authorize(blocking.carriage, "write", {})
            assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
            with pytest.raises(Undecided) as caught:
                await guard.aio.authorize(waiting.carriage, "write", {})
            assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
    for _ in range(2):
        assert servicer.asked.acquire(timeout=10), "it was asked"
