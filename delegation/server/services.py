"""The contract's services, each method behind the door."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import grpc.aio

from delegation.server.authorization_rpcs import AT_A_TIME, AuthorizationRpcs
from delegation.server.delegation_rpcs import DelegationRpcs
from delegation.server.door import Door
from delegation.server.lineage_rpcs import LineageRpcs
from delegation.server.trust_rpcs import TrustRpcs
from delegation.v1 import (
    authorization_service_pb2,
    authorization_service_pb2_grpc,
    delegation_service_pb2,
    delegation_service_pb2_grpc,
    lineage_service_pb2,
    lineage_service_pb2_grpc,
    trust_service_pb2,
    trust_service_pb2_grpc,
)

_BATCHES_READ_AHEAD: Final = 2
_ANSWERS_READ_AHEAD: Final = 16
_WINDOW: Final = {
    "AuthorizeStream": AT_A_TIME,
    "RecordDecisions": _BATCHES_READ_AHEAD,
    "AnswerOffer": _ANSWERS_READ_AHEAD,
}


@dataclass(frozen=True, slots=True)
class Rpcs:
    """The handlers of every service."""

    delegation: DelegationRpcs
    authorization: AuthorizationRpcs
    trust: TrustRpcs
    lineage: LineageRpcs


def add_services(server: grpc.aio.Server, rpcs: Rpcs, door: Door) -> tuple[str, ...]:
    """Register every service; return their full names."""
    registered: tuple[tuple[Any, Any, Any], ...] = (
        (
            delegation_service_pb2.DESCRIPTOR,
            rpcs.delegation,
            delegation_service_pb2_grpc.add_DelegationServiceServicer_to_server,
        ),
        (
            authorization_service_pb2.DESCRIPTOR,
            rpcs.authorization,
            authorization_service_pb2_grpc.add_AuthorizationServiceServicer_to_server,
        ),
        (trust_service_pb2.DESCRIPTOR, rpcs.trust, trust_service_pb2_grpc.add_TrustServiceServicer_to_server),
        (lineage_service_pb2.DESCRIPTOR, rpcs.lineage, lineage_service_pb2_grpc.add_LineageServiceServicer_to_server),
    )
    names = []
    for file, handlers, add in registered:
        (service,) = file.services_by_name.values()
        add(_behind(door, service, handlers), _ByName(server))
        names.append(service.full_name)
    return tuple(names)


class _ByName:
    """Takes handlers for a server to find by name alone.

    Generated code registers each method by itself, too; for each one so registered the asyncio server keeps a future,
    and waits on all of them at every RPC.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Leave it at the generic handlers, which know the same methods."""


def _behind(door: Door, service: Any, handlers: object) -> SimpleNamespace:
    """Put each method of a service behind the door, by the kind that the contract says it is."""
    methods = SimpleNamespace()
    for method in service.methods:
        name = f"{service.full_name}/{method.name}"
        handler = getattr(handlers, method.name)
        if method.client_streaming:
            wrapped: object = door.conversing(name, handler, window=_WINDOW[method.name])
        elif method.server_streaming:
            wrapped = door.watching(name, handler)
        else:
            wrapped = door.unary(name, handler)
        setattr(methods, method.name, wrapped)
    return methods
