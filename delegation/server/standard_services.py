"""gRPC's own services, health and reflection, for callers that are known here and for nobody else.

Any role will do. They go by gRPC's own rules (unknown fields are let be), and past what the contract's RPCs are counted
and traced with.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any, Protocol

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from delegation.server.door import Context, Door


class HealthAnswers(Protocol):
    """What answers questions about health; gRPC's asyncio servicer is one."""

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> Any:
        """Tell how a service is."""

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> Any:
        """Tell how a service is, whenever that changes."""


def add_standard_services(
    server: grpc.aio.Server, door: Door, health_answers: HealthAnswers, services: Sequence[str]
) -> None:
    """Register health and reflection.

    Args:
        server: the server.
        door: who lets callers in.
        health_answers: what knows how the services are.
        services: the full names of the services that reflection speaks of, besides these two.
    """
    health_pb2_grpc.add_HealthServicer_to_server(_Health(door, health_answers), server)
    names = (*services, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(_Reflection(door, names), server)


class _Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc] # not typed
    def __init__(self, door: Door, answers: HealthAnswers) -> None:
        self._door = door
        self._answers = answers

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Context) -> Any:
        async with self._door.known("grpc.health.v1.Health/Check", context):
            return await self._answers.Check(request, context)

    async def List(self, request: Any, context: Context) -> None:
        del request
        async with self._door.known("grpc.health.v1.Health/List", context):
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "ask for each service: Check and Watch are answered")

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        # Clients that heed health take UNIMPLEMENTED for "call and see", and are then told why they are refused. With
        # any other status they would say that the service cannot be reached.
        unknown = grpc.StatusCode.UNIMPLEMENTED
        async with self._door.known("grpc.health.v1.Health/Watch", context, unknown=unknown):
            await self._answers.Watch(request, context)


class _Reflection(reflection_pb2_grpc.ServerReflectionServicer):  # type: ignore[misc] # not typed
    def __init__(self, door: Door, names: Sequence[str]) -> None:
        self._door = door
        self._answers = reflection.aio.ReflectionServicer(names)  # type: ignore[attr-defined] # stubs lack it

    async def ServerReflectionInfo(
        self, requests: AsyncIterable[reflection_pb2.ServerReflectionRequest], context: Context
    ) -> AsyncIterator[reflection_pb2.ServerReflectionResponse]:
        async with self._door.known("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", context):
            async for answer in self._answers.ServerReflectionInfo(requests, context):
                yield answer
