"""RegisterAgent: make the caller known as an agent, with whoever answers for it."""

from __future__ import annotations

from delegation.errors import PermissionDenied
from delegation.identity.port import Caller, Role
from delegation.service.ids import Clock
from delegation.storage.port import Storage
from delegation.storage.records import AgentRecord


class RegisterAgent:
    """Registers agents; again, it replaces the owner."""

    def __init__(self, storage: Storage, *, now_ms: Clock) -> None:
        self._storage = storage
        self._now_ms = now_ms

    async def __call__(self, caller: Caller, *, agent: str, owner: str) -> None:
        """Register the caller, or, by an operator, any agent.

        Raises:
            PermissionDenied: the caller is no agent, or names another.
        """
        caller.require_role(Role.AGENT, Role.OPERATOR)
        if agent != caller.id and not caller.has_role(Role.OPERATOR):
            raise PermissionDenied(f"{caller.id} may register itself only")
        await self._storage.put_agent(AgentRecord(agent, owner, self._now_ms(), caller.id))
