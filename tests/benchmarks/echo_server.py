"""The bare gRPC echo that the service is compared with: same options, same event loop, no work.

Answers each request with as many bytes as its first two bytes say. Listens twice, in the clear and with the mutual TLS
of the service's development CA; prints both ports.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import uvloop
from grpc import GenericRpcHandler

from delegation.server.config_sections import LimitsConfig
from delegation.server.options import channel_options

METHOD = "/bench.Echo/Echo"
_ANSWER = bytes(64 * 1024)


async def _echo(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
    return _ANSWER[: int.from_bytes(request[:2], "big")]


class _Handler(GenericRpcHandler):
    def service(self, details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(_echo) if details.method == METHOD else None


def _credentials(state: Path) -> grpc.ServerCredentials:
    key, certificate = (state / "tls" / "server.key").read_bytes(), (state / "tls" / "server.pem").read_bytes()
    client_ca = (state / "ca" / "ca.pem").read_bytes()
    return grpc.ssl_server_credentials([(key, certificate)], client_ca, require_client_auth=True)


async def _serve(state: Path) -> None:
    server = grpc.aio.server(options=channel_options(LimitsConfig()))
    server.add_generic_rpc_handlers((_Handler(),))
    plain = server.add_insecure_port("127.0.0.1:0")
    secure = server.add_secure_port("127.0.0.1:0", _credentials(state))
    await server.start()
    print(plain, secure, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Path(sys.argv[1])))
