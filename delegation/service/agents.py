"""The register of agents: who answers for an agent that the configuration does not list."""

from __future__ import annotations

from delegation.core.revocation import RevocationKind, revocation_key
from delegation.errors import NotFound, PermissionDenied
from delegation.identity.port import Caller, Role
from delegation.service.feed import RevocationFeed
from delegation.service.ids import Clock
from delegation.storage.listing import Page
from delegation.storage.port import Storage
from delegation.storage.records import AgentRecord
from delegation.storage.refused_writes import NotRecordedError


class Agents:
    """Registers agents with their owners, lists them and strikes them off."""

    def __init__(self, storage: Storage, feed: RevocationFeed, *, now_ms: Clock) -> None:
        self._storage = storage
        self._feed = feed
        self._now_ms = now_ms

    async def register(self, caller: Caller, *, agent: str, owner: str) -> None:
        """Register the caller, or, by an operator, any agent; again, it replaces the owner.

        Raises:
            PermissionDenied: the caller is no agent, or names another.
            Revoked: AGENT_REVOKED.
            Conflict: an operator has registered the agent for another owner.
        """
        caller.require_role(Role.AGENT, Role.OPERATOR)
        if agent != caller.id and not caller.has_role(Role.OPERATOR):
            raise PermissionDenied(f"{caller.id} may register itself only")
        self._feed.state.check(frozenset({revocation_key(RevocationKind.AGENT, agent.encode())}))
        await self._storage.put_agent(AgentRecord(agent, owner, self._now_ms(), caller.id))

    async def unregister(self, caller: Caller, agent: str) -> None:
        """Strike an agent off: no binding vouches for a key of it from now on. What it holds is not revoked by this.

        Raises:
            PermissionDenied: the caller is no operator.
            NotFound: it is not registered.
        """
        caller.require_role(Role.OPERATOR)
        try:
            await self._storage.remove_agent(agent)
        except NotRecordedError:
            raise NotFound("no such agent is registered") from None

    async def list(self, caller: Caller, *, cursor: bytes | None, limit: int) -> Page[AgentRecord]:
        """List registered agents by id. Raises `PermissionDenied`."""
        caller.require_role(Role.AUDITOR, Role.OPERATOR)
        return await self._storage.agents(cursor=cursor, limit=limit)
