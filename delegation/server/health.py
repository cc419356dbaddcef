"""The standard health service, with watches that end when the server goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from delegation.core.trust import KeyPurpose
from delegation.server.answers import send
from delegation.telemetry import Gauges, names

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN: Final = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
_HEARD_SECONDS: Final = 0.5

_NEED: Final = {
    KeyPurpose.GRANT: frozenset({"delegation.v1.DelegationService"}),
    # Without it nobody hears of revocations from here: guards must follow another replica.
    KeyPurpose.STATEMENT: frozenset(
        {health.OVERALL_HEALTH, "delegation.v1.DelegationService", "delegation.v1.TrustService"}
    ),
}
"""What is of no use without a key of a purpose: services, and the server as a whole."""


def out_of_use(lacking: Iterable[KeyPurpose]) -> frozenset[str]:
    """Give the services, and the server by its empty name, that are of no use without some keys."""
    return frozenset[str]().union(*(_NEED.get(purpose, ()) for purpose in lacking))


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc] # not typed
    """Tells whether the server is ready for work, for itself and for each of its services.

    Nothing is held while somebody is told: gRPC's own servicer keeps a lock meanwhile, so that one client that does not
    read would keep everybody's health as it is, and the server from ever going away.
    """

    def __init__(self) -> None:
        self._statuses = {health.OVERALL_HEALTH: _NOT_SERVING}
        self._changed = asyncio.Event()
        self._leaving = False
        self._watches: set[asyncio.Task[Any]] = set()
        self._gauges = Gauges({names.READY: lambda: float(self.is_ready)})

    @property
    def is_ready(self) -> bool:
        """Whether the server as a whole is ready."""
        return bool(self._statuses[health.OVERALL_HEALTH] == _SERVING)

    async def tell(self, services: Sequence[str], *, ready: bool, but: Collection[str] = ()) -> None:
        """Say whether these services, and the server, are ready, but for some by name: those are not."""
        if not self._leaving:
            for name in (health.OVERALL_HEALTH, *services):
                self._statuses[name] = _SERVING if ready and name not in but else _NOT_SERVING
            self._wake()

    async def leave(self) -> None:
        """Say that nothing is ready, for good; each watch ends when it has told so."""
        self._leaving = True
        self._statuses = dict.fromkeys(self._statuses, _NOT_SERVING)
        self._wake()
        self._gauges.close()
        if self._watches:
            _, waiting = await asyncio.wait(self._watches, timeout=_HEARD_SECONDS)
            for task in waiting:  # nobody reads it
                task.cancel()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def Check(self, request: Any, context: Any) -> Any:
        """Tell how a service is."""
        status = self._statuses.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(self, request: Any, context: Any) -> None:
        """Tell each change, until the client or the server goes away."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine's
        self._watches.add(task)
        try:
            await self._tell_changes(request.service, context)
        except asyncio.CancelledError:
            if not self._leaving:
                raise
            task.uncancel()
        finally:
            self._watches.discard(task)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the service is going away: connect again")

    async def _tell_changes(self, service: str, context: Any) -> None:
        """Tell each change, until the last."""
        told = None
        while True:
            changed, status = self._changed, self._statuses.get(service, _UNKNOWN)
            if status != told:
                await send(health_pb2.HealthCheckResponse(status=status), context)
                told = status
            if self._leaving:
                return
            await changed.wait()
