"""The contract's services, each method behind the door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from delegation.core.limits import STATEMENT_BYTES
from delegation.errors import InvalidRequest
from delegation.server.access import roles_of
from delegation.server.approval_rpcs import ApprovalRpcs
from delegation.server.authorization_rpcs import AT_A_TIME, AuthorizationRpcs
from delegation.server.delegation_rpcs import DelegationRpcs
from delegation.server.door import Door, Method
from delegation.server.lineage_rpcs import LineageRpcs
from delegation.server.measured import measured
from delegation.server.trust_rpcs import TrustRpcs
from delegation.v1 import (
    approval_service_pb2,
    authorization_service_pb2,
    delegation_service_pb2,
    lineage_service_pb2,
    trust_service_pb2,
)
from delegation.wire.fields import whole

M = TypeVar("M", bound=Message)

_BATCHES_READ_AHEAD: Final = 2
_ANSWERS_READ_AHEAD: Final = 16
_ANSWER_BYTES: Final = 2 * STATEMENT_BYTES
"""An offer, and what stands around it. They wait in memory for whoever asked."""


@dataclass(frozen=True, slots=True)
class _Stream:
    """How many requests of a stream may wait unread, whether each of them gets an answer, and how large one may be."""

    window: int
    each_answered: bool
    most_bytes: int | None = None


_STREAMS: Final = {
    "AuthorizeStream": _Stream(AT_A_TIME, each_answered=True),
    "RecordDecisions": _Stream(_BATCHES_READ_AHEAD, each_answered=True),
    "AnswerOffer": _Stream(_ANSWERS_READ_AHEAD, each_answered=False, most_bytes=_ANSWER_BYTES),
}


@dataclass(frozen=True, slots=True)
class Rpcs:
    """The handlers of every service."""

    delegation: DelegationRpcs
    authorization: AuthorizationRpcs
    trust: TrustRpcs
    approvals: ApprovalRpcs
    lineage: LineageRpcs


def add_services(server: grpc.aio.Server, rpcs: Rpcs, door: Door) -> tuple[str, ...]:
    """Register every service; return their full names.

    The generated functions that do this are not used. They register each method by itself, too, and for each one so
    registered the asyncio server keeps a future, and waits on all of them at every RPC. And they have gRPC read the
    requests, which tells a client the Python exception that its bytes have caused.
    """
    registered: tuple[tuple[Any, object], ...] = (
        (delegation_service_pb2.DESCRIPTOR, rpcs.delegation),
        (authorization_service_pb2.DESCRIPTOR, rpcs.authorization),
        (trust_service_pb2.DESCRIPTOR, rpcs.trust),
        (approval_service_pb2.DESCRIPTOR, rpcs.approvals),
        (lineage_service_pb2.DESCRIPTOR, rpcs.lineage),
    )
    names = []
    for file, handlers in registered:
        (service,) = file.services_by_name.values()
        methods = {method.name: _method(door, method, getattr(handlers, method.name)) for method in service.methods}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, methods),))
        names.append(service.full_name)
    return tuple(names)


def _method(door: Door, method: Any, handler: Any) -> grpc.RpcMethodHandler[Any, Any]:
    """Put a method behind the door, by the kind that the contract says it is."""
    service = method.containing_service
    stream = _STREAMS[method.name] if method.client_streaming else None
    known = Method(
        f"{service.full_name}/{method.name}",
        roles_of(service.name, method.name),
        _reader(GetMessageClass(method.input_type), stream.most_bytes if stream else None),
    )
    write = GetMessageClass(method.output_type).SerializeToString
    if stream is not None:
        conversing = door.conversing(known, handler, window=stream.window, each_answered=stream.each_answered)
        return grpc.stream_stream_rpc_method_handler(measured(known.name, conversing), None, write)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(measured(known.name, door.watching(known, handler)), None, write)
    return grpc.unary_unary_rpc_method_handler(measured(known.name, door.unary(known, handler)), None, write)


def _reader(message_type: type[M], most_bytes: int | None) -> Callable[[bytes], M]:
    """Give what reads a request, for the door: it refuses bytes that are none, and fields that are not known."""

    def read(data: bytes) -> M:
        if most_bytes is not None and len(data) > most_bytes:
            raise InvalidRequest(f"a message of this stream has at most {most_bytes} bytes, this one {len(data)}")
        try:
            message = message_type.FromString(data)
        except (DecodeError, ValueError):  # the pure implementation of protobuf says it so for text that is no UTF-8
            return whole(None)
        return whole(message)

    return read
