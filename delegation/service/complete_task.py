"""CompleteTask: end a task; everything that was handed on in it is revoked when this returns."""

from __future__ import annotations

from typing import Final, NamedTuple

from delegation.core.arguments import Arguments
from delegation.core.proof import check_holder_proof
from delegation.core.revocation import RevocationKind
from delegation.core.scope import SERVICE_AUDIENCE
from delegation.errors import NotFound
from delegation.identity.port import Caller, Role
from delegation.service.feed import RevocationFeed
from delegation.service.ids import Clock
from delegation.service.revoke import remembered_until_ms
from delegation.storage.port import Storage
from delegation.storage.records import RevocationRecord, TaskRecord

TOOL: Final = "complete_task"


class Completed(NamedTuple):
    """When a task ended, and the position of the revocation feed that says so."""

    completed_at_ms: int
    feed_position: int


class CompleteTask:
    """Ends tasks. Ending one again changes nothing and gives the first answer."""

    def __init__(self, storage: Storage, feed: RevocationFeed, *, now_ms: Clock) -> None:
        self._storage = storage
        self._feed = feed
        self._now_ms = now_ms

    async def __call__(self, caller: Caller, *, task_id: bytes, proof: bytes = b"") -> Completed:
        """End a task.

        Args:
            caller: an operator; or anybody who brings the proof.
            task_id: 16 bytes.
            proof: by the grant's holder key, for the call (service, "complete_task", {"task_id": hex}).

        Raises:
            NotFound: there is no such task, or, without a proof, not for this caller to end.
            BadProof: the proof is not the grant holder's, for this task, of now.
        """
        task = await self._storage.task(task_id)
        if task is None or not (proof or caller.has_role(Role.OPERATOR)):
            raise NotFound("no such task, or it is not the caller's to end: its grant's holder proves the key")
        now_ms = self._now_ms()
        if not caller.has_role(Role.OPERATOR):
            await self._check_holder(task, proof, now_ms)
        position = await self._storage.complete_task(
            task_id, completed_ms=now_ms, completed_by=caller.id, revocation=_revocation(caller, task, now_ms)
        )
        await self._feed.catch_up(position)
        return Completed(await self._completed_ms(task_id, task, now_ms), position)

    async def _check_holder(self, task: TaskRecord, proof: bytes, now_ms: int) -> None:
        (grant,) = await self._storage.chain(task.grant_link_id)
        check_holder_proof(
            proof,
            grant.holder_key,
            chain_digest=task.grant_link_id,
            audience=SERVICE_AUDIENCE,
            tool=TOOL,
            arguments_digest=Arguments.of({"task_id": task.task_id.hex()}).digest,
            now_ms=now_ms,
        )

    async def _completed_ms(self, task_id: bytes, before: TaskRecord, now_ms: int) -> int:
        if before.completed_ms is not None:
            return before.completed_ms
        after = await self._storage.task(task_id)
        return now_ms if after is None or after.completed_ms is None else after.completed_ms


def _revocation(caller: Caller, task: TaskRecord, now_ms: int) -> RevocationRecord:
    return RevocationRecord(
        kind=str(RevocationKind.TASK),
        id=task.task_id,
        revoked_ms=now_ms,
        expires_ms=remembered_until_ms(task.expires_ms, now_ms),
        revoked_by=caller.id,
        why="completed",
    )
