"""An authority in memory for tests of your own agents and tools: real keys, chains and refusals, no network.

```python
with Authority(local={("files", "read")}) as authority:
    guard = authority.guard_for("files")
    with authority.client("spiffe://test.example/agent/planner").task("Read", scope=scope) as task:
        call = task.call("files", "read", {"path": "/srv/a"})
        guard.authorize(call.carriage, "read", call.arguments)
```
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from delegation.core.attest import sign_break_glass
from delegation.core.break_glass import BreakGlass
from delegation.core.records import DecisionRecord, Outcome
from delegation.core.revocation import RevocationKind
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import InvalidRequest
from delegation_sdk.aio import AsyncClient
from delegation_sdk.break_glass import armored
from delegation_sdk.client import Client
from delegation_sdk.flows.rpc import Duplex, Rpc
from delegation_sdk.guard import OPEN_TIMEOUT_S, Guard
from delegation_sdk.guard_ports import GuardPorts
from delegation_sdk.in_memory import InMemoryService
from delegation_sdk.sources import Sources
from delegation_sdk.transport import AsyncIncoming, AsyncStream, Incoming, Stream

__all__ = ["Authority"]


class Authority:
    """A trust domain in memory. Whoever asks is whoever it says: there is nothing to authenticate.

    Args:
        trust_domain: Its name.
        local: The tools, as (audience, tool), that guards decide in process; all others it decides itself.
        tools: More of the catalogue, for tools with other effects.
        sources: Clock and randomness.
    """

    def __init__(
        self,
        trust_domain: str = "test.example",
        *,
        local: Iterable[tuple[str, str]] = (),
        tools: Iterable[CatalogueTool] = (),
        sources: Sources | None = None,
    ) -> None:
        self._sources = sources or Sources.system()
        read = frozenset({Effect.READ})
        listed = (*tools, *(CatalogueTool(audience, tool, read, local=True) for audience, tool in local))
        self._service = InMemoryService(trust_domain, self._sources, listed)
        self._guards: list[Guard] = []

    @property
    def trust_root(self) -> bytes:
        """The root public key, 32 bytes."""
        return self._service.root.public

    @property
    def decisions(self) -> list[DecisionRecord]:
        """The decisions recorded so far; those of guards come in the background, at the latest when they close."""
        return self._service.decisions

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes reported so far."""
        return self._service.outcomes

    @property
    def reachable(self) -> bool:
        """Whether it answers; set to False to test an outage."""
        return self._service.reachable

    @reachable.setter
    def reachable(self, reachable: bool) -> None:
        self._service.reachable = reachable

    def client(self, agent: str) -> Client:
        """Give a client for an agent."""
        return Client(_Transport(self._service, agent), agent=agent, sources=self._sources)

    def async_client(self, agent: str) -> AsyncClient:
        """Give a client for an agent, for asyncio."""
        return AsyncClient(_AsyncTransport(self._service, agent), agent=agent, sources=self._sources)

    def guard_for(
        self, audience: str, *, max_waiting: int = 10_000, timeout_s: float = OPEN_TIMEOUT_S, **options: Any
    ) -> Guard:
        """Give an open guard for an audience; closed with this authority.

        Args:
            audience: Whom the tools speak for.
            max_waiting: How many decision records may wait; one more denies.
            timeout_s: How long to wait for trust bundle and revocation feed, seconds.
            options: Others of `Guard`, such as `cache_dir` and `break_glass`.

        Raises:
            ServiceUnavailable: It plays dead, and there is no cache to begin with.
        """
        service = self._service
        ports = GuardPorts(trust=service, feed=service, records=service, online=service)
        given = {"trust_root": self.trust_root, "sources": self._sources, "max_waiting": max_waiting, **options}
        guard = Guard(audience, ports, **given)
        guard.open(timeout_s=timeout_s)
        self._guards.append(guard)
        return guard

    def revoke(self, kind: RevocationKind, id: bytes) -> None:
        """Revoke something, as an operator would."""
        self._service.revoke(kind, id)

    def break_glass(self, order: BreakGlass) -> str:
        """Give a break-glass statement, signed by the root key, as a line for the file of a guard's `break_glass`."""
        return armored(sign_break_glass(order, self._service.root))

    def close(self) -> None:
        """Close the guards: their records are delivered."""
        while self._guards:
            self._guards.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _Transport:
    """The authority as a blocking client sees it."""

    def __init__(self, service: InMemoryService, agent: str) -> None:
        self._service = service
        self._agent = agent

    def unary(self, rpc: Rpc) -> Any:
        return self._service.answer(rpc.method, rpc.request, self._agent)

    def duplex(self, rpc: Duplex) -> Stream:
        raise InvalidRequest(f"an authority in memory does not answer {rpc.method}")

    def watch(self, rpc: Rpc) -> Incoming:
        raise InvalidRequest(f"an authority in memory does not answer {rpc.method}")

    def close(self) -> None:
        pass


class _AsyncTransport:
    """The authority as an asyncio client sees it."""

    def __init__(self, service: InMemoryService, agent: str) -> None:
        self._service = service
        self._agent = agent

    async def unary(self, rpc: Rpc) -> Any:
        return self._service.answer(rpc.method, rpc.request, self._agent)

    def duplex(self, rpc: Duplex) -> AsyncStream:
        raise InvalidRequest(f"an authority in memory does not answer {rpc.method}")

    def watch(self, rpc: Rpc) -> AsyncIncoming:
        raise InvalidRequest(f"an authority in memory does not answer {rpc.method}")

    async def close(self) -> None:
        pass
