"""Revoke: a link with its subtree, a holder key, an agent, a task, a principal or an issuer key."""

from __future__ import annotations

from typing import Final

from delegation.core import limits
from delegation.core.arguments import Arguments
from delegation.core.codec.feed import check_revocation_id
from delegation.core.keys import check_public_key
from delegation.core.proof import check_holder_proof
from delegation.core.revocation import RevocationKind
from delegation.core.scope import SERVICE_AUDIENCE
from delegation.errors import BadProof, Conflict, InvalidRequest, Malformed, NotFound, PermissionDenied, Reason, refusal
from delegation.identity.port import Caller, Role
from delegation.service.feed import RevocationFeed
from delegation.service.ids import Clock
from delegation.storage.port import Storage
from delegation.storage.records import RevocationRecord

TOOL: Final = "revoke"
NEVER_MS: Final = 253_402_300_799_999
"""The end of the year 9999: an agent that was revoked does not come back by itself."""

CLOCKS_DIFFER_MS: Final = 2 * limits.NOT_BEFORE_LEEWAY_MS
"""A verifier's clock may be behind ours, and what is over here is not over there yet."""


class Revoke:
    """Revokes. A link falls by its signer, an ancestor's holder or an operator; all else by operators."""

    def __init__(self, storage: Storage, feed: RevocationFeed, *, now_ms: Clock) -> None:
        self._storage = storage
        self._feed = feed
        self._now_ms = now_ms

    async def __call__(
        self, caller: Caller, *, kind: RevocationKind, id: bytes, proof: bytes = b"", justification: str = ""
    ) -> int:
        """Revoke something; return the position of the feed from which it holds.

        Args:
            caller: an operator; or, for a link, anybody who brings the proof.
            kind: what kind of thing.
            id: which one, as `core.revocation.Revocation.id`.
            proof: by a holder key above the link, for (service, "revoke", {"kind": …, "id": hex}).
            justification: why, for the record.

        Raises:
            InvalidRequest: the id is not one of this kind.
            PermissionDenied: only an operator may do this.
            NotFound: no such link or task.
            BadProof: the proof is not by a key above the link.
            Conflict: it is a grant that was replaced by another one, which lives on.
        """
        _check_id(kind, id)
        now_ms = self._now_ms()
        operator = caller.has_role(Role.OPERATOR)
        if not operator and (kind is not RevocationKind.LINK or not proof):
            raise PermissionDenied("only an operator revokes this; the holders above a link prove their key")
        if kind is RevocationKind.LINK:
            expires_ms = await self._link(id, b"" if operator else proof, now_ms)
        elif kind is RevocationKind.TASK:
            expires_ms = await self._task(id)
        else:
            expires_ms = NEVER_MS
        position = await self._storage.revoke(
            [
                RevocationRecord(
                    kind=str(kind),
                    id=id,
                    revoked_ms=now_ms,
                    expires_ms=remembered_until_ms(expires_ms, now_ms),
                    revoked_by=caller.id,
                    why=justification,
                )
            ]
        )
        await self._feed.catch_up(position)
        if kind is RevocationKind.LINK:
            await self._require_not_replaced(id)
        return position

    async def _require_not_replaced(self, link_id: bytes) -> None:
        """Say so if a grant was revoked already, because another one is in its place: that one lives on.

        Asked after the write, so that no renewal can come between.
        """
        chain = await self._storage.chain(link_id)
        task = await self._storage.task(chain[0].task_id) if len(chain) == 1 else None
        if task is not None and task.grant_link_id != link_id:
            raise Conflict(
                f"this grant was replaced, and is revoked; the one in its place, {task.grant_link_id.hex()}, is not:"
                " revoke that, or the task"
            )

    async def _link(self, link_id: bytes, proof: bytes, now_ms: int) -> int:
        """Check the proof against every holder key above a link; return when the link expires."""
        chain = await self._storage.chain(link_id)
        if not chain:
            raise NotFound("no such link is recorded")
        if proof:
            _check_proof(proof, link_id, [link.holder_key for link in chain[:-1]], now_ms)
        return chain[-1].expires_ms

    async def _task(self, task_id: bytes) -> int:
        task = await self._storage.task(task_id)
        if task is None:
            raise NotFound("no such task is recorded")
        return task.expires_ms


def remembered_until_ms(expires_ms: int, now_ms: int) -> int:
    """Say until when a revocation is remembered: until what it revokes has expired by every verifier's clock."""
    return max(expires_ms, now_ms) + CLOCKS_DIFFER_MS if expires_ms < NEVER_MS else NEVER_MS


def _check_id(kind: RevocationKind, id: bytes) -> None:
    """Refuse what no verifier would take from the feed, and what nothing can be named by."""
    try:
        check_revocation_id(kind, id)
        if kind is RevocationKind.AGENT:
            id.decode()
    except (Malformed, UnicodeDecodeError):
        raise InvalidRequest(f"{len(id)} bytes like these are not the id of a {kind}") from None
    if kind is RevocationKind.HOLDER_KEY:
        check_public_key(id)


def _check_proof(proof: bytes, link_id: bytes, holder_keys: list[bytes], now_ms: int) -> None:
    """Require that one of these keys signed the proof. The link's own holder is not among them."""
    digest = Arguments.of({"kind": str(RevocationKind.LINK), "id": link_id.hex()}).digest
    refused = refusal(Reason.PROOF_INVALID, detail="nobody but an operator revokes a grant's own link")
    for holder_key in reversed(holder_keys):
        try:
            check_holder_proof(
                proof,
                holder_key,
                chain_digest=link_id,
                audience=SERVICE_AUDIENCE,
                tool=TOOL,
                arguments_digest=digest,
                now_ms=now_ms,
            )
        except BadProof as error:
            refused = error
        else:
            return
    raise refused
