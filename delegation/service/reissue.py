"""Reissue: a grant for a new holder key, for an agent that lost the old one. Its identity alone shows who it is."""

from __future__ import annotations

from typing import Final

from delegation.core.chain import TraceIds
from delegation.core.codec import encode_scope
from delegation.core.keys import check_public_key
from delegation.core.scope import Scope
from delegation.errors import InvalidRequest
from delegation.identity.port import Caller, Role
from delegation.service.grant_replacement import GrantReplacement, Replaced, Wanted
from delegation.service.packing import digest_of
from delegation.storage.preconditions import IdempotencyKey

_METHOD: Final = "Reissue"
_NO_TRACE: Final = TraceIds(b"", b"")


class Reissue:
    """Issues grants anew; what the former holder key signs from then on is refused."""

    def __init__(self, replacement: GrantReplacement) -> None:
        self._replacement = replacement

    async def __call__(
        self,
        caller: Caller,
        *,
        task_id: bytes,
        holder_key: bytes,
        scope: Scope | None = None,
        lifetime_ms: int | None = None,
        trace: TraceIds | None = None,
        idempotency_key: str = "",
    ) -> Replaced:
        """Issue the caller's grant of a task anew. Arguments as in `delegation_service.proto`.

        Raises:
            PermissionDenied: the caller is no orchestrator.
            NotFound: there is no such task, or its grant is not the caller's.
            InvalidRequest: the key is the one that the grant has.
            OutsideTime, Revoked, …: the grant does not hold any more.
            Malformed: KEY_INVALID.
            Refused, Conflict: as `GrantReplacement.replace`.
        """
        caller.require_role(Role.ORCHESTRATOR)
        check_public_key(holder_key)
        asked = digest_of(
            task_id,
            holder_key,
            b"" if scope is None else encode_scope(scope),
            b"%d" % (lifetime_ms or 0),
            *(trace or _NO_TRACE),
        )
        key = IdempotencyKey(caller.id, _METHOD, idempotency_key, asked) if idempotency_key else None
        if (earlier := await self._replacement.earlier(key)) is not None:
            return earlier
        former = await self._replacement.former(caller, task_id)
        if holder_key == former.leaf.holder_key:
            raise InvalidRequest("holder_key is the one that the grant has: renew it, or draw a fresh key")
        wanted = Wanted(holder_key, scope, lifetime_ms, trace, why="reissued")
        return await self._replacement.replace(caller, former, wanted, key)
