"""A guarded gRPC tool: chain and proof come as metadata, a refusal goes back as a rich gRPC status.

The chain goes once; from then on its digest is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc
from google.protobuf.wrappers_pb2 import StringValue
from grpc_status import rpc_status

from delegation.errors import NotPermitted
from delegation.wire.errors import status_of
from delegation_sdk import Client, Delegation, Guard, Peer, Refused, Scope, observed_answer, tool
from delegation_sdk.context import from_metadata
from delegation_sdk.integrations.grpc_client import call_method
from local_service import local_service

came: list[str] = []


@contextmanager
def serving(guard: Guard) -> Iterator[int]:
    """Serve the tool on a free port."""

    def forecast(request: StringValue, context: grpc.ServicerContext) -> StringValue:
        arguments = {"city": request.value}  # the fields of the message, by name
        try:
            carriage = from_metadata(context.invocation_metadata())
            came.append("digest" if carriage.chain_digest else "chain")
            call = guard.authorize(carriage, "forecast", arguments)
        except Refused as refused:
            context.abort_with_status(rpc_status.to_status(status_of(refused)))
        call.report()
        # Empty, unless the operator has this tool under observation and the call would be refused.
        context.set_trailing_metadata(observed_answer.to_metadata(call))
        return StringValue(value=f"clear in {request.value}")

    method = grpc.unary_unary_rpc_method_handler(forecast, StringValue.FromString, StringValue.SerializeToString)
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("example.Weather", {"Forecast": method})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(grace=None).wait()


def forecast(delegation: Delegation, channel: grpc.Channel, peer: Peer, city: str) -> str:
    """Call the tool; what its guard raised is raised here."""
    method = channel.unary_unary("/example.Weather/Forecast", StringValue.SerializeToString, StringValue.FromString)
    with delegation.call("weather", "forecast", {"city": city}) as call:
        return call_method(call, method, StringValue(value=city), peer=peer, timeout=5).value


def use(task: Delegation, port: int) -> None:
    peer = Peer()  # one for each server: it remembers which chains that has been sent
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for _ in range(2):
            answer = forecast(task, channel, peer, "Oslo")
            print(answer)
            assert answer == "clear in Oslo"
        try:
            forecast(task, channel, peer, "Rome")
        except NotPermitted as refused:
            print(f"refused: {refused}")
            assert (refused.reason, refused.link_index) == ("argument_refused", 0)
        else:
            raise AssertionError("a city outside the scope was not refused")
    print(*came)
    assert came == ["chain", "digest", "digest"]


def main() -> None:
    scope = Scope(tool("weather", "forecast", city="Oslo"))
    with (
        local_service() as service,
        Guard.connect("weather", service.profile("tool/weather")) as guard,
        Client.connect(service.profile("agent/planner")) as client,
        client.task("Pack for the trip", scope=scope) as task,
        serving(guard) as port,
    ):
        use(task, port)


if __name__ == "__main__":
    main()
