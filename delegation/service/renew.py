"""Renew: a grant that lives longer, for the agent and the holder key that have it now."""

from __future__ import annotations

from typing import Final

from delegation.core.arguments import Arguments
from delegation.core.chain import TraceIds, VerifiedChain
from delegation.core.codec import encode_scope
from delegation.core.proof import check_holder_proof
from delegation.core.scope import SERVICE_AUDIENCE, Scope
from delegation.identity.port import Caller, PrincipalReader, Role
from delegation.service.grant_replacement import GrantReplacement, Replaced, Wanted
from delegation.service.ids import Clock
from delegation.service.packing import digest_of
from delegation.service.principal_shown import principal_shown
from delegation.storage.preconditions import IdempotencyKey

TOOL: Final = "renew"
_METHOD: Final = "Renew"
_NO_TRACE: Final = TraceIds(b"", b"")


class Renew:
    """Renews grants before they expire."""

    def __init__(
        self, replacement: GrantReplacement, *, now_ms: Clock, principals: PrincipalReader | None = None
    ) -> None:
        self._replacement = replacement
        self._principals = principals
        self._now_ms = now_ms

    async def __call__(
        self,
        caller: Caller,
        *,
        task_id: bytes,
        proof: bytes,
        scope: Scope | None = None,
        lifetime_ms: int | None = None,
        trace: TraceIds | None = None,
        idempotency_key: str = "",
        principal_token: bytes = b"",
    ) -> Replaced:
        """Renew the caller's grant of a task. Arguments as in `delegation_service.proto`.

        Raises:
            PermissionDenied: the caller is no orchestrator.
            NotFound: there is no such task, or its grant is not the caller's.
            BadProof: the proof is not by the grant's holder key, for this grant, of now.
            OutsideTime, Revoked, …: the grant does not hold any more.
            ScopeGrew, PolicyDenied: `principal`; the token shows somebody else, or whom the caller may not work for.
            Refused: the principal's token is not taken; `field` is `principal_token`.
            Refused, Conflict: as `GrantReplacement.replace`.
        """
        caller.require_role(Role.ORCHESTRATOR)
        asked = digest_of(
            task_id,
            b"" if scope is None else encode_scope(scope),
            b"%d" % (lifetime_ms or 0),
            *(trace or _NO_TRACE),
            *((principal_token,) if principal_token else ()),
        )
        key = IdempotencyKey(caller.id, _METHOD, idempotency_key, asked) if idempotency_key else None
        if (earlier := await self._replacement.earlier(key)) is not None:
            return earlier
        # First, since it may take a while to have an issuer's keys: what is verified then is of the moment.
        shown = await principal_shown(self._principals, caller, principal_token) if principal_token else None
        former = await self._replacement.former(caller, task_id)
        self._check_holder(former, proof)
        wanted = Wanted(former.leaf.holder_key, scope, lifetime_ms, trace, why="renewed", principal=shown)
        return await self._replacement.replace(caller, former, wanted, key)

    def _check_holder(self, former: VerifiedChain, proof: bytes) -> None:
        check_holder_proof(
            proof,
            former.leaf.holder_key,
            chain_digest=former.digest,
            audience=SERVICE_AUDIENCE,
            tool=TOOL,
            arguments_digest=Arguments.of({"task_id": former.task_id.hex()}).digest,
            now_ms=self._now_ms(),
        )
