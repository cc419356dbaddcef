"""Writes about delegation: grants, handoffs, the end of a task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

import sqlalchemy as sa

from delegation.storage import queries
from delegation.storage.operations.feed import enter, enter_all
from delegation.storage.operations.operation import (
    Insertion,
    InsertOperation,
    Lock,
    Operation,
    Row,
    SharedOperation,
    Transaction,
)
from delegation.storage.operations.sessions import Wanted
from delegation.storage.preconditions import REVOCATION_KEPT_MS, Fence, Idempotency, IdempotencyKey
from delegation.storage.refused_writes import NotRecordedError, WriteRefusedError
from delegation.storage.rows import LINKS, TASKS, kept_response
from delegation.storage.schema import links, responses, revocations, tasks
from delegation.storage.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delegation.storage.records import LinkRecord, RevocationRecord, TaskRecord

_BRIEF_BYTES: Final = 16 * 1024
"""Of links and response that are recorded on the event loop: some dozen links of the usual size."""

_ADD_TASK = Statement(TASKS.insert())
_ADD_LINK = Statement(LINKS.insert())
_LINK = Statement(LINKS.select().where(links.c.link_id == sa.bindparam("link_id")))
_ADD_RESPONSE = Statement(sa.insert(responses))
_RESPONSE = Statement(queries.RESPONSE)
_TASK_END = Statement(
    sa.select(tasks.c.task_id, tasks.c.completed_ms, tasks.c.expires_ms).where(
        tasks.c.task_id == sa.bindparam("task_id")
    )
)
_END_TASK = Statement(
    sa.update(tasks)
    .where(tasks.c.task_id == sa.bindparam("of_task"))
    .values(completed_ms=sa.bindparam("completed_ms"), completed_by=sa.bindparam("completed_by"))
)
_REPLACE_GRANT = Statement(
    sa.update(tasks)
    .where(
        tasks.c.task_id == sa.bindparam("of_task"),
        tasks.c.grant_link_id == sa.bindparam("former"),
        tasks.c.completed_ms.is_(None),
    )
    .values(grant_link_id=sa.bindparam("grant_link_id"), expires_ms=sa.bindparam("expires_ms"))
)
_ENDED_AT = Statement(
    sa.select(sa.func.max(revocations.c.position)).where(
        revocations.c.kind == sa.bindparam("kind"), revocations.c.id == sa.bindparam("id")
    )
)


def _earlier(transaction: Transaction, key: IdempotencyKey) -> bytes | None:
    row = transaction.one(_RESPONSE, caller=key.caller, method=key.method, key=key.key)
    return kept_response(key, row)


def _response_rows(idempotency: Idempotency | None) -> list[tuple[Statement, Row]]:
    if idempotency is None:
        return []
    key = idempotency.key
    row = (key.caller, key.method, key.key, key.request_digest, idempotency.response, idempotency.expires_ms)
    return [(_ADD_RESPONSE, row)]


@dataclass(frozen=True, slots=True)
class AddGrant(InsertOperation[bytes | None]):
    """See `Storage.add_grant`."""

    task: TaskRecord
    link: LinkRecord
    fence: Fence | None
    idempotency: Idempotency | None

    def wants(self) -> tuple[Wanted, ...]:
        """The labels that stick to the holder."""
        return (Wanted(agents=(self.link.holder_agent,)),)

    def plan(self, transaction: Transaction) -> Insertion[bytes | None]:
        """Task, grant and response are new."""
        transaction.check(self.fence)
        transaction.sessions.open(self.wants())
        labels = transaction.sessions.labels.sticking([self.link.holder_agent], self.task.created_ms)
        if labels:  # begun now, they stay for as long as the task does
            transaction.sessions.states.begin(self.task.task_id, labels, self.task.expires_ms)
        rows = [(_ADD_TASK, TASKS.to_row(self.task)), (_ADD_LINK, LINKS.to_row(self.link))]
        return Insertion(None, rows + _response_rows(self.idempotency))

    def apply(self, transaction: Transaction) -> bytes | None:
        """Look for the kept response first."""
        transaction.check(self.fence)
        if self.idempotency is not None:
            response = _earlier(transaction, self.idempotency.key)
            if response is not None:
                return response
        for statement, row in self.plan(transaction).rows:
            transaction.insert(statement, [row])
        return None


@dataclass(frozen=True, slots=True)
class AddHandoffs(InsertOperation["tuple[LinkRecord, ...]"]):
    """See `Storage.add_handoffs`."""

    links: Sequence[LinkRecord]
    fence: Fence | None
    idempotency: Idempotency | None
    not_offered: Sequence[bytes] = ()

    @property
    def brief(self) -> bool:
        """One request may bring hundreds, and large ones."""
        response = 0 if self.idempotency is None else len(self.idempotency.response)
        return response + sum(len(link.signed) for link in self.links) <= _BRIEF_BYTES

    def plan(self, transaction: Transaction) -> Insertion[tuple[LinkRecord, ...]]:
        """All links, and the response, are new."""
        transaction.require_not_offered(self.not_offered)
        transaction.check(self.fence)
        rows = [(_ADD_LINK, LINKS.to_row(link)) for link in self.links]
        return Insertion(tuple(self.links), rows + _response_rows(self.idempotency))

    def apply(self, transaction: Transaction) -> tuple[LinkRecord, ...]:
        """Add what is missing; keep what is there."""
        transaction.require_not_offered(self.not_offered)
        transaction.check(self.fence)
        kept = self.idempotency and _earlier(transaction, self.idempotency.key)
        if kept is None:
            for statement, row in _response_rows(self.idempotency):
                transaction.insert(statement, [row])
        return tuple(_as_recorded(transaction, link) for link in self.links)


def _as_recorded(transaction: Transaction, link: LinkRecord) -> LinkRecord:
    row = transaction.one(_LINK, link_id=link.link_id)
    if row is not None:
        return LINKS.from_row(row)
    transaction.insert(_ADD_LINK, [LINKS.to_row(link)])
    return link


@dataclass(frozen=True, slots=True)
class CompleteTask(SharedOperation[int]):
    """See `Storage.complete_task`."""

    lock: ClassVar[Lock] = Lock.EXCLUSIVE
    task_id: bytes
    completed_ms: int
    completed_by: str
    revocation: RevocationRecord

    @classmethod
    def apply_all(
        cls, transaction: Transaction, operations: Sequence[CompleteTask]
    ) -> Sequence[int | WriteRefusedError]:
        """End each task once; its revocation says where."""
        known = {
            row[0]: row[1:] for row in transaction.each(_TASK_END, [{"task_id": each.task_id} for each in operations])
        }
        new: dict[bytes, CompleteTask] = {}
        for each in operations:
            if each.task_id in known and known[each.task_id][0] is None:
                new.setdefault(each.task_id, each)
        positions: dict[bytes, int] = {}
        if new:
            transaction.change_each(_END_TASK, [_end_of(each) for each in new.values()])
            entries = [_lasting(each.revocation, known[task_id][1]) for task_id, each in new.items()]
            positions = dict(zip(new, enter_all(transaction, entries), strict=True))
        for each in operations:
            if each.task_id in known and each.task_id not in positions:
                positions[each.task_id] = _ended_at(transaction, each.revocation)
        return [positions.get(each.task_id, NotRecordedError("no such task")) for each in operations]


def _end_of(asked: CompleteTask) -> dict[str, object]:
    return {"of_task": asked.task_id, "completed_ms": asked.completed_ms, "completed_by": asked.completed_by}


def _lasting(revocation: RevocationRecord, expires_ms: int) -> RevocationRecord:
    return replace(revocation, expires_ms=max(revocation.expires_ms, expires_ms + REVOCATION_KEPT_MS))


def _ended_at(transaction: Transaction, revocation: RevocationRecord) -> int:
    ended = transaction.one(_ENDED_AT, kind=str(revocation.kind), id=revocation.id)
    # A forgotten entry lies somewhere before the head.
    return int(ended[0]) if ended is not None and ended[0] is not None else transaction.head()


@dataclass(frozen=True, slots=True)
class RenewGrant(Operation[int]):
    """See `Storage.renew_grant`."""

    lock: ClassVar[Lock] = Lock.EXCLUSIVE

    former: bytes
    link: LinkRecord
    revocation: RevocationRecord
    fence: Fence | None
    idempotency: Idempotency | None

    def apply(self, transaction: Transaction) -> int:
        """Replace the grant and revoke the former one, unless this was done before."""
        if self.idempotency is not None and _earlier(transaction, self.idempotency.key) is not None:
            return transaction.head()
        transaction.check(self.fence)
        replaced = transaction.change(
            _REPLACE_GRANT,
            of_task=self.link.task_id,
            former=self.former,
            grant_link_id=self.link.link_id,
            expires_ms=self.link.expires_ms,
        )
        if not replaced:
            raise NotRecordedError("the task is over, or has another grant")
        transaction.sessions.states.keep(self.link.task_id, self.link.expires_ms)
        transaction.insert(_ADD_LINK, [LINKS.to_row(self.link)])
        for statement, row in _response_rows(self.idempotency):
            transaction.insert(statement, [row])
        return enter(transaction, self.revocation)
