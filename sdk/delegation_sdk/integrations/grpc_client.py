"""Calling guarded gRPC methods: chain and proof go along as metadata, and what the guard refuses is raised here.

For unary methods, blocking and of `grpc.aio`. A `Peer` remembers which chains the server has been sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import grpc

from delegation.wire.errors import error_of_call
from delegation_sdk.call import Call
from delegation_sdk.carriage import MAX_METADATA_BYTES, Carriage, to_metadata
from delegation_sdk.peer import Peer

Response = TypeVar("Response")


def call_method(
    call: Call,
    method: Callable[..., Response],
    request: Any,
    *,
    peer: Peer,
    metadata: Iterable[tuple[str, str | bytes]] = (),
    max_bytes: int = MAX_METADATA_BYTES,
    **options: Any,
) -> Response:
    """Call a guarded unary method.

    Args:
        call: `delegation.call(…)`, with what the server's guard calls the method and takes the request for.
        method: Of a stub or channel.
        request: What is sent to it.
        peer: The server; keep one for each channel.
        metadata: More metadata.
        max_bytes: Of chain and proof; raise it only with `grpc.max_metadata_size` raised on the server.
        **options: As the method takes them.

    Raises:
        Refused: By the guard.
        RequestFailed: The call failed otherwise, or its metadata would not surely arrive.
    """
    own = tuple(metadata)

    def once(carriage: Carriage) -> Response:
        try:
            return method(request, metadata=(*own, *to_metadata(carriage, max_bytes=max_bytes)), **options)
        except grpc.RpcError as error:
            raise error_of_call(error) from None

    return peer.send(call, once)


async def call_method_async(
    call: Call,
    method: Callable[..., Awaitable[Response]],
    request: Any,
    *,
    peer: Peer,
    metadata: Iterable[tuple[str, str | bytes]] = (),
    max_bytes: int = MAX_METADATA_BYTES,
    **options: Any,
) -> Response:
    """Call a guarded unary method of a `grpc.aio` channel; otherwise as `call_method`.

    Raises:
        Refused: By the guard.
        RequestFailed: The call failed otherwise, or its metadata would not surely arrive.
    """
    own = tuple(metadata)

    async def once(carriage: Carriage) -> Response:
        try:
            return await method(request, metadata=(*own, *to_metadata(carriage, max_bytes=max_bytes)), **options)
        except grpc.RpcError as error:
            raise error_of_call(error) from None

    return await peer.send_async(call, once)
