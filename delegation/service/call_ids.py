"""Ids of calls that guards decided. Each guard draws its own, and tells whoever it refuses before the call is recorded.

So somebody else may record a call of his own under such an id first. That must not keep a guard's records out: then
its call is found under an id set aside for it, made of its key and the id that its signed record names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import structlog

from delegation.identity.port import Caller
from delegation.storage.port import Storage
from delegation.storage.records import CallRecord, DecisionBatch

_LOG: Final = structlog.get_logger("delegation")
_TIME_BYTES: Final = 6
"""Ids are in the order of time by these."""


def set_aside_for(guard_key: bytes, call_id: bytes) -> bytes:
    """Give the id under which a guard's call is kept if another call has its own."""
    return _made_of(guard_key, call_id)


async def with_free_ids(storage: Storage, batch: DecisionBatch, calls: Sequence[CallRecord]) -> list[CallRecord]:
    """Give the calls of a batch that could not be entered with ids that no other call has. Raises `StorageError`."""
    free: list[CallRecord] = []
    for call in calls:
        kept_as = call.call_id
        if await storage.call(kept_as) is not None:
            kept_as = set_aside_for(batch.guard_key, call.call_id)
            if await storage.call(kept_as) is not None:  # nobody but the guard can have foreseen its signature
                kept_as = _made_of(batch.signed, call.call_id)
            _LOG.warning("a call id was taken by another call", call=call.call_id.hex(), kept_as=kept_as.hex())
        free.append(call._replace(call_id=kept_as))
    return free


def _made_of(what: bytes, call_id: bytes) -> bytes:
    return (call_id[:_TIME_BYTES] + hashlib.sha256(what + call_id).digest())[: len(call_id)]


async def call_of(storage: Storage, caller: Caller, guard_key: bytes, call_id: bytes) -> CallRecord | None:
    """Find the call of a tool that an outcome is about; None if there is none of its own. Raises `StorageError`.

    A call that the service decided has no guard's key; any of its tool's may say what came of it.
    """
    for kept_as in (call_id, set_aside_for(guard_key, call_id)):
        call = await storage.call(kept_as)
        if call is not None and call.caller == caller.id and call.guard_key in (None, guard_key):
            return call
    return None
