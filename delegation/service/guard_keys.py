"""Whose guard is it? A guard key belongs to the caller that used it first, for good."""

from __future__ import annotations

from typing import Final

from delegation.errors import Conflict, PermissionDenied
from delegation.identity.port import Caller
from delegation.service.ids import Clock
from delegation.storage.port import Storage
from delegation.storage.records import DocumentRecord

REMEMBERED_KEYS: Final = 10_000


class GuardKeys:
    """Remembers the callers of guard keys, in the database and, for the busy ones, here."""

    def __init__(self, storage: Storage, *, now_ms: Clock) -> None:
        self._storage = storage
        self._now_ms = now_ms
        self._callers: dict[bytes, str] = {}

    async def require(self, caller: Caller, guard_key: bytes) -> None:
        """Require that a guard's key is the caller's; the first to use it makes it so.

        Raises:
            PermissionDenied: another caller used it first.
        """
        known = self._callers.get(guard_key) or await self._first_user(caller, guard_key)
        if known != caller.id:
            raise PermissionDenied("this guard key belongs to another caller")
        if len(self._callers) >= REMEMBERED_KEYS:
            self._callers.clear()
        self._callers[guard_key] = known

    async def _first_user(self, caller: Caller, guard_key: bytes) -> str:
        kind = f"guard_key:{guard_key.hex()}"
        document = DocumentRecord(kind, 1, caller.id.encode(), self._now_ms())
        try:
            await self._storage.put_document(document)
        except Conflict:
            kept = await self._storage.document(kind)
            return "" if kept is None else kept.content.decode()
        return caller.id
