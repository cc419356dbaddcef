"""Chains by reference over gRPC: a real server, called over blocking and asyncio channels."""

from __future__ import annotations

from concurrent import futures

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_status import rpc_status

from delegation.errors import NotPermitted, Revoked
from delegation.v1 import errors_pb2
from delegation.wire.errors import status_of
from delegation_sdk import Reason, Refused, Scope, tool, under
from delegation_sdk.context import Carriage, from_metadata, to_metadata
from delegation_sdk.integrations.grpc_client import call_method, call_method_async


class GrpcTool:
    """A guarded gRPC server on a free port, and how often what was sent to it."""

    def __init__(self, guard):
        self.guard = guard
        self.came = []
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                lambda request, context, name=name: self._serve(name.lower(), request, context),
                StringValue.FromString,
                StringValue.SerializeToString,
            )
            for name in ("Read", "Write")
        }
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("example.Files", handlers)])
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def _serve(self, name, request, context):
        carriage = from_metadata(context.invocation_metadata())
        self.came.append("digest" if carriage.chain_digest else "chain")
        try:
            call = self.guard.authorize(carriage, name, {"path": request.value})
        except Refused as refused:
            context.abort_with_status(rpc_status.to_status(status_of(refused)))
        call.report()
        return StringValue(value=f"{name} by {call.agent}")

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(grace=None).wait()


@pytest.fixture
def grpc_tool(guard):
    with GrpcTool(guard) as tool:
        yield tool


def method(channel, name):
    return channel.unary_unary(f"/example.Files/{name}", StringValue.SerializeToString, StringValue.FromString)


def test_grpc_sends_a_chain_once_and_again_when_it_is_not_found(grpc_tool, peer, helper, forget):
    with grpc.insecure_channel(f"127.0.0.1:{grpc_tool.port}") as channel:

        def ask(name="Read", path="/srv/a"):
            with helper.call("files", name.lower(), {"path": path}) as call:
                options = {"peer": peer, "metadata": [("x-own", "1")], "timeout": 10}
                return call_method(call, method(channel, name), StringValue(value=path), **options).value

        answers = [ask(), ask("Write"), ask()]
        forget()
        answers += [ask("Write"), ask()]
        assert answers == [f"{name} by {helper.agent}" for name in ("read", "write", "read", "write", "read")]
        assert grpc_tool.came == ["chain", "digest", "digest", "digest", "chain", "digest"]

        with pytest.raises(NotPermitted) as caught:
            ask(path="/etc/passwd")
        assert (caught.value.reason, caught.value.link_index) == (Reason.ARGUMENT_REFUSED, 0)
        assert grpc_tool.came[-1] == "digest"


@pytest.mark.spec("R-4", "H-7")
def test_grpc_refuses_after_completion_whatever_is_known(grpc_tool, peer, client):
    with grpc.insecure_channel(f"127.0.0.1:{grpc_tool.port}") as channel:

        def ask(task):
            call = task.call("files", "write", {"path": "/srv/a"})
            return call_method(call, method(channel, "Write"), StringValue(value="/srv/a"), peer=peer, timeout=10)

        scope = Scope(tool("files", "write", path=under("/srv")))
        with client.task("Look at the notes", scope=scope) as task:
            ask(task)
        with pytest.raises(Revoked) as caught:
            ask(task)
    assert caught.value.reason is Reason.TASK_ENDED
    assert grpc_tool.came == ["chain", "digest"]


async def test_grpc_for_asyncio_does_the_same(grpc_tool, peer, helper, forget):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_tool.port}") as channel:

        async def ask(path="/srv/a"):
            async with helper.call("files", "read", {"path": path}) as call:
                answer = await call_method_async(
                    call, method(channel, "Read"), StringValue(value=path), peer=peer, timeout=10
                )
                return answer.value

        assert [await ask(), await ask()] == [f"read by {helper.agent}"] * 2
        forget()
        assert await ask() == f"read by {helper.agent}"
        assert grpc_tool.came == ["chain", "digest", "digest", "chain"]
        with pytest.raises(NotPermitted):
            await ask("/etc/passwd")


@pytest.mark.spec("H-13", "X-3")
def test_another_language_finds_chain_unknown_in_the_status_of_grpc(grpc_tool, helper):
    call = helper.call("files", "read", {"path": "/srv/a"})
    with grpc.insecure_channel(f"127.0.0.1:{grpc_tool.port}") as channel:
        read = method(channel, "Read")
        with pytest.raises(grpc.RpcError) as caught:
            read(StringValue(value="/srv/a"), metadata=to_metadata(call.reference), timeout=10)
        status = rpc_status.from_call(caught.value)
        refusal = errors_pb2.Refusal()
        assert status.details[0].Unpack(refusal)
        assert refusal.reason == errors_pb2.ERROR_REASON_CHAIN_UNKNOWN
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        same_proof = read(StringValue(value="/srv/a"), metadata=to_metadata(call.carriage), timeout=10)
        assert same_proof.value == f"read by {helper.agent}"


@pytest.mark.spec("H-7")
def test_a_thief_with_a_digest_and_no_key_is_refused(grpc_tool, peer, helper, task):
    with grpc.insecure_channel(f"127.0.0.1:{grpc_tool.port}") as channel:
        call = helper.call("files", "read", {"path": "/srv/a"})
        call_method(call, method(channel, "Read"), StringValue(value="/srv/a"), peer=peer, timeout=10)
        stolen = Carriage(b"", task.call("files", "read", {"path": "/srv/a"}).carriage.proof, helper.digest)
        with pytest.raises(grpc.RpcError) as caught:
            method(channel, "Read")(StringValue(value="/srv/a"), metadata=to_metadata(stolen), timeout=10)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "proof_other_call" in caught.value.details()
