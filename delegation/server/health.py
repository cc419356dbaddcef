"""The standard health service, with watches that end when the server goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NoReturn

import grpc
from grpc_health.v1 import health, health_pb2

from delegation.core.trust import KeyPurpose
from delegation.telemetry import Gauges, names

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
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


class Health(health.aio.HealthServicer):  # type: ignore[misc, name-defined] # stubs lack it
    """Tells whether the server is ready for work, for itself and for each of its services."""

    def __init__(self) -> None:
        super().__init__()
        self._watches: set[asyncio.Task[Any]] = set()
        self._ready = False
        self._gauges = Gauges({names.READY: lambda: float(self._ready)})

    async def tell(self, services: Sequence[str], *, ready: bool, but: Collection[str] = ()) -> None:
        """Say whether these services, and the server, are ready, but for some by name: those are not."""
        self._ready = ready and health.OVERALL_HEALTH not in but
        for name in (health.OVERALL_HEALTH, *services):
            await self.set(name, _SERVING if ready and name not in but else _NOT_SERVING)

    async def leave(self) -> None:
        """Say that nothing is ready, for good; each watch ends when it has told so."""
        self._ready = False
        await self.enter_graceful_shutdown()
        self._gauges.close()
        if self._watches:
            _, waiting = await asyncio.wait(self._watches, timeout=_HEARD_SECONDS)
            for task in waiting:  # it had told so before, or nobody reads it
                task.cancel()

    async def Watch(self, request: Any, context: Any) -> None:
        """Tell each change, until the client or the server goes away."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine's
        self._watches.add(task)
        try:
            await super().Watch(request, _EndsWhenLeaving(self, context))
        except asyncio.CancelledError:
            if not self._gracefully_shutting_down:
                raise
            task.uncancel()
            await _end_watch(context)
        finally:
            self._watches.discard(task)

    @property
    def leaving(self) -> bool:
        """Whether this is for good."""
        return bool(self._gracefully_shutting_down)


class _EndsWhenLeaving:
    """A watch's context: after the last word it ends the watch."""

    def __init__(self, health: Health, context: Any) -> None:
        self._health = health
        self._context = context

    async def write(self, message: Any) -> None:
        """Write a status."""
        await self._context.write(message)
        if self._health.leaving:
            await _end_watch(self._context)


async def _end_watch(context: Any) -> NoReturn:
    """End a watch, and say what to do."""
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the service is going away: connect again")
    raise AssertionError("abort returned")
