"""Writes about agents, offers and documents, and forgetting what has expired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import sqlalchemy as sa

from delegation.errors import Conflict
from delegation.storage import queries
from delegation.storage.operations.operation import Lock, Operation, Transaction
from delegation.storage.preconditions import PROOF_KEPT_MS, REVOCATION_KEPT_MS
from delegation.storage.refused_writes import NotRecordedError
from delegation.storage.rows import AGENTS, DOCUMENTS, OFFERS
from delegation.storage.schema import (
    agent_acts,
    agent_history,
    agent_labels,
    agents,
    approval_requests,
    approval_uses,
    feed_head,
    offers,
    proofs,
    reservations,
    responses,
    revocations,
    sessions,
    tasks,
    tool_reports,
    usage,
)
from delegation.storage.statements import Statement, insert_or_leave, insert_or_replace

if TYPE_CHECKING:
    from delegation.storage.records import AgentRecord, DocumentRecord, OfferRecord

_ADD_AGENT = Statement(AGENTS.insert())
_PUT_AGENT = insert_or_replace(agents)
_AGENT = Statement(AGENTS.select().where(agents.c.agent_id == sa.bindparam("agent_id")).with_for_update())
_REMOVE_AGENT = Statement(sa.delete(agents).where(agents.c.agent_id == sa.bindparam("of_agent")))
_ADD_OFFER = insert_or_leave(offers)
_OFFER = Statement(queries.OFFER.with_for_update())
_TAKE_OFFER = Statement(
    sa.update(offers).where(offers.c.offer_digest == sa.bindparam("of_offer")).values(taken_by=sa.bindparam("taken_by"))
)
_ADD_DOCUMENT = Statement(DOCUMENTS.insert())
_NEWEST_DOCUMENT = Statement(queries.NEWEST_DOCUMENT)


_REWRITE_HEAD = Statement(sa.update(feed_head).values(position=feed_head.c.position))


@dataclass(frozen=True, slots=True)
class Probe(Operation[None]):
    """See `Storage.check`: a write that changes nothing, and needs room and permission like any other."""

    def apply(self, transaction: Transaction) -> None:
        """Write the feed's head where it is."""
        transaction.change(_REWRITE_HEAD)


@dataclass(frozen=True, slots=True)
class PutAgent(Operation[None]):
    """See `Storage.put_agent`. Alone: a row that another replica is just adding cannot be locked."""

    lock: ClassVar[Lock] = Lock.EXCLUSIVE
    agent: AgentRecord

    def apply(self, transaction: Transaction) -> None:
        """Insert or replace; what others have said of the agent stands against what it says of itself."""
        row = transaction.one(_AGENT, agent_id=self.agent.agent_id)
        if row is not None and self.agent.caller == self.agent.agent_id:
            registered = AGENTS.from_row(row)
            if registered.caller != self.agent.caller:
                if registered.owner != self.agent.owner:
                    raise Conflict("this agent is registered for another owner, and not by itself")
                return
        # Where there was no row to lock, another replica may enter one: then this is undone, and looks again.
        transaction.insert(_ADD_AGENT if row is None else _PUT_AGENT, [AGENTS.to_row(self.agent)])


@dataclass(frozen=True, slots=True)
class RemoveAgent(Operation[None]):
    """See `Storage.remove_agent`."""

    agent_id: str

    def apply(self, transaction: Transaction) -> None:
        """Delete the row."""
        if not transaction.change(_REMOVE_AGENT, of_agent=self.agent_id):
            raise NotRecordedError("no such agent is registered")


@dataclass(frozen=True, slots=True)
class AddOffer(Operation[None]):
    """See `Storage.add_offer`."""

    offer: OfferRecord

    def apply(self, transaction: Transaction) -> None:
        """Insert; the digest says that it is the same."""
        transaction.insert(_ADD_OFFER, [OFFERS.to_row(self.offer)])


@dataclass(frozen=True, slots=True)
class TakeOffer(Operation["OfferRecord"]):
    """See `Storage.take_offer`."""

    offer_digest: bytes
    taken_by: str
    now_ms: int

    def apply(self, transaction: Transaction) -> OfferRecord:
        """Mark it, if nobody else did."""
        row = transaction.one(_OFFER, offer_digest=self.offer_digest)
        offer = None if row is None else OFFERS.from_row(row)
        if offer is None or offer.expires_ms <= self.now_ms:
            raise NotRecordedError("no such offer, or it has expired")
        if offer.taken_by is not None and offer.taken_by != self.taken_by:
            raise Conflict("this offer was taken by another")
        transaction.change(_TAKE_OFFER, of_offer=self.offer_digest, taken_by=self.taken_by)
        return offer


@dataclass(frozen=True, slots=True)
class PutDocument(Operation[None]):
    """See `Storage.put_document`."""

    lock: ClassVar[Lock] = Lock.EXCLUSIVE
    document: DocumentRecord

    def apply(self, transaction: Transaction) -> None:
        """Add it after all kept versions."""
        row = transaction.one(_NEWEST_DOCUMENT, kind=str(self.document.kind))
        newest = None if row is None else DOCUMENTS.from_row(row)
        if newest is not None and newest.version >= self.document.version:
            if (newest.version, newest.content) == (self.document.version, self.document.content):
                return
            raise Conflict(f"version {newest.version} of this document is kept already")
        transaction.insert(_ADD_DOCUMENT, [DOCUMENTS.to_row(self.document)])


def _forget(table: sa.Table, end: sa.Column[Any], *unless: sa.Exists) -> Statement:
    key = sa.tuple_(*table.primary_key.columns)
    ended = sa.select(*table.primary_key.columns).where(end <= sa.bindparam("ended_ms"), *(~each for each in unless))
    return Statement(sa.delete(table).where(key.in_(ended.order_by(end).limit(sa.bindparam("at_most")))))


_OLDEST_PROOFS: Final = (
    sa.select(proofs.c.issued_ms)
    .where(proofs.c.issued_ms <= sa.bindparam("ended_ms"))
    .order_by(proofs.c.issued_ms)
    .limit(sa.bindparam("at_most"))
    .subquery()
)
_LAST_TO_FORGET: Final = Statement(sa.select(sa.func.max(_OLDEST_PROOFS.c.issued_ms)))
_FORGET_PROOFS: Final = Statement(sa.delete(proofs).where(proofs.c.issued_ms <= sa.bindparam("until_ms")))
_EXPIRING: Final = (responses, revocations, offers, reservations, approval_uses, tool_reports)
# Who renewed the grant may not have known of what the task has used, and nobody may have called since.
_LIVES: Final = sa.exists().where(
    tasks.c.task_id == sessions.c.task_id, tasks.c.expires_ms + REVOCATION_KEPT_MS > sa.bindparam("ended_ms")
)
_HAS_STATE: Final = sa.exists().where(sessions.c.task_id == usage.c.task_id)
_FORGET: Final = (
    *(_forget(table, table.c.expires_ms) for table in _EXPIRING),
    _forget(sessions, sessions.c.expires_ms, _LIVES),
    _forget(usage, usage.c.expires_ms, _HAS_STATE),
    _forget(agent_labels, agent_labels.c.until_ms),
    _forget(agent_history, agent_history.c.until_ms),
    _forget(agent_acts, agent_acts.c.until_ms),
)


_EXPIRED_WITH_ARGUMENTS: Final = (
    sa.select(approval_requests.c.request_id)
    .where(approval_requests.c.arguments_json.is_not(None), approval_requests.c.expires_ms <= sa.bindparam("ended_ms"))
    .order_by(approval_requests.c.expires_ms)
    .limit(sa.bindparam("at_most"))
)
_FORGET_ARGUMENTS: Final = Statement(
    sa.update(approval_requests)
    .where(approval_requests.c.request_id.in_(_EXPIRED_WITH_ARGUMENTS))
    .values(arguments_json=sa.null(), token=sa.null())
)


@dataclass(frozen=True, slots=True)
class PurgeExpired(Operation[int]):
    """See `Storage.purge_expired`."""

    lock: ClassVar[Lock] = Lock.EXCLUSIVE
    now_ms: int
    limit: int

    def apply(self, transaction: Transaction) -> int:
        """Delete what expired longest ago, from each table; under its lock, by one replica at a time."""
        now_ms = transaction.judged_now_ms(self.now_ms)
        gone = self._forget_proofs(transaction, now_ms)
        for statement in (*_FORGET, _FORGET_ARGUMENTS):
            gone += transaction.change(statement, ended_ms=now_ms, at_most=self.limit)
        return gone

    def _forget_proofs(self, transaction: Transaction, now_ms: int) -> int:
        # Whoever's clock said that they are old: what is forgotten is not taken again.
        row = transaction.one(_LAST_TO_FORGET, ended_ms=now_ms - PROOF_KEPT_MS, at_most=self.limit)
        if row is None or row[0] is None:
            return 0
        transaction.move_horizon(int(row[0]))
        return transaction.change(_FORGET_PROOFS, until_ms=int(row[0]))
