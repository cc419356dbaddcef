"""What clients ask again by themselves: calls that reached a service that was just going away, and no others."""

from __future__ import annotations

import threading
from concurrent import futures

import grpc
import pytest

from delegation.v1 import authorization_service_pb2 as authorization_pb
from delegation.v1 import authorization_service_pb2_grpc as authorization_grpc
from delegation.v1 import delegation_service_pb2 as pb
from delegation.v1 import delegation_service_pb2_grpc as pb_grpc
from delegation_sdk import channel as channels


class Leaving(pb_grpc.DelegationServiceServicer, authorization_grpc.AuthorizationServiceServicer):
    """Ends the first call with a status, and answers the next ones."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.asked = 0
        self.is_asked, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()
        self._code = code

    def CompleteTask(self, request, context):  # noqa: N802 - the contract's name
        return self._answer(pb.CompleteTaskResponse(), context)

    def Authorize(self, request, context):  # noqa: N802 - the contract's name
        return self._answer(authorization_pb.AuthorizeResponse(), context)

    def _answer(self, answer, context):
        self.asked += 1
        self.is_asked.set()
        self.goes_on.wait(30)
        if self.asked == 1:
            context.abort(self._code, "")
        return answer


@pytest.fixture
def leaving(request):
    servicer, server = Leaving(request.param), grpc.server(futures.ThreadPoolExecutor(4))
    pb_grpc.add_DelegationServiceServicer_to_server(servicer, server)
    authorization_grpc.add_AuthorizationServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=channels._OPTIONS) as channel:
        yield servicer, channel
        servicer.goes_on.set()
    server.stop(grace=None).wait()


GONE = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED]
ANSWERS = [grpc.StatusCode.INTERNAL, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.ABORTED]


@pytest.mark.parametrize("leaving", GONE, indirect=True, ids=str)
def test_a_service_that_goes_away_is_asked_again(leaving):
    servicer, channel = leaving
    pb_grpc.DelegationServiceStub(channel).CompleteTask(pb.CompleteTaskRequest(), timeout=20)
    assert servicer.asked == 2


@pytest.mark.parametrize("leaving", ANSWERS, indirect=True, ids=str)
def test_an_answer_is_an_answer(leaving):
    servicer, channel = leaving
    with pytest.raises(grpc.RpcError):
        pb_grpc.DelegationServiceStub(channel).CompleteTask(pb.CompleteTaskRequest(), timeout=20)
    assert servicer.asked == 1


@pytest.mark.parametrize("leaving", [*GONE, *ANSWERS], indirect=True, ids=str)
def test_a_decision_is_asked_for_once(leaving):
    servicer, channel = leaving
    with pytest.raises(grpc.RpcError):
        authorization_grpc.AuthorizationServiceStub(channel).Authorize(authorization_pb.AuthorizeRequest(), timeout=20)
    assert servicer.asked == 1


@pytest.mark.parametrize("leaving", [grpc.StatusCode.CANCELLED], indirect=True, ids=str)
def test_what_a_client_has_cancelled_is_not_asked_again(leaving):
    servicer, channel = leaving
    servicer.goes_on.clear()
    stub = pb_grpc.DelegationServiceStub(channel)
    call = stub.CompleteTask.future(pb.CompleteTaskRequest(), timeout=20)
    assert servicer.is_asked.wait(20)
    call.cancel()
    servicer.goes_on.set()
    assert call.cancelled()
    stub.CompleteTask(pb.CompleteTaskRequest(), timeout=20)  # and the next one is a call of its own
    assert servicer.asked == 2
