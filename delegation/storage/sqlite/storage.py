"""The SQLite adapter: one file, one writing thread, a few reading ones."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import sqlalchemy as sa

from delegation.errors import StorageError
from delegation.storage import migrations
from delegation.storage.group_writer import GroupWriter
from delegation.storage.sqlite.calls import ConsumeProof, Decide, RecordDecisions, ReportOutcome
from delegation.storage.sqlite.connection import connect, create_file, storage_errors, unavailable
from delegation.storage.sqlite.delegations import AddGrant, AddHandoffs, CompleteTask
from delegation.storage.sqlite.feed import Revoke
from delegation.storage.sqlite.readers import Readers
from delegation.storage.sqlite.reads import SqliteReads
from delegation.storage.sqlite.registry import AddOffer, PurgeExpired, PutAgent, PutDocument, TakeOffer
from delegation.storage.sqlite.session import Operation, SqliteSession

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from delegation.storage.port import Fence, Idempotency, ProofUse, Storage
    from delegation.storage.records import (
        AgentRecord,
        CallRecord,
        DecisionBatch,
        DocumentRecord,
        LinkRecord,
        OfferRecord,
        OutcomeRecord,
        RecorderState,
        RevocationRecord,
        TaskRecord,
    )

T = TypeVar("T")

_QUEUE_LIMIT: Final = 4096


class SqliteStorage(SqliteReads):
    """`delegation.storage.port.Storage` in one SQLite file.

    Arguments:
        path: the database file; created, readable by its owner alone, if it is not there.
        queue_limit: how many writes may wait; further ones are refused as `overloaded`.
    """

    def __init__(self, path: Path, *, queue_limit: int = _QUEUE_LIMIT) -> None:
        self._path = path
        readers = Readers(path)
        super().__init__(readers)
        self._writer: GroupWriter[Operation[Any]] = GroupWriter(self._session, queue_limit=queue_limit)
        self._head = 0
        self._head_moved = asyncio.Event()

    async def open(self) -> None:
        """Bring the schema up to date and begin to take work."""
        await asyncio.to_thread(_migrate, self._path)
        try:
            await self._writer.start()
            await asyncio.to_thread(self._readers.open)
            self._moved_to(await self.head_position())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was accepted, then let go of the file."""
        await self._writer.stop()
        await asyncio.to_thread(self._readers.close)

    async def check(self) -> None:
        """Return if a write would be taken now."""
        self._writer.check()

    async def add_grant(
        self,
        task: TaskRecord,
        link: LinkRecord,
        *,
        fence: Fence | None = None,
        idempotency: Idempotency | None = None,
    ) -> bytes | None:
        """Record a task with its grant."""
        return await self._write(AddGrant(task, link, fence, idempotency))

    async def add_handoffs(
        self,
        links: Sequence[LinkRecord],
        *,
        fence: Fence | None = None,
        idempotency: Idempotency | None = None,
    ) -> tuple[LinkRecord, ...]:
        """Record handoffs, all or none."""
        return await self._write(AddHandoffs(links, fence, idempotency))

    async def complete_task(
        self, task_id: bytes, *, completed_ms: int, completed_by: str, revocation: RevocationRecord
    ) -> int:
        """End a task and enter its revocation."""
        operation = CompleteTask(task_id, completed_ms, completed_by, revocation)
        return await self._write_to_feed(operation)

    async def decide(
        self, call: CallRecord, *, proof: ProofUse | None = None, fence: Fence | None = None
    ) -> CallRecord:
        """Enter a decision and use up its proof."""
        return await self._write(Decide(call, proof, fence))

    async def consume_proof(self, proof: ProofUse, *, fence: Fence | None = None) -> None:
        """Use up a proof."""
        await self._write(ConsumeProof(proof, fence))

    async def record_decisions(
        self, batch: DecisionBatch, calls: Sequence[CallRecord], proofs: Sequence[ProofUse] = ()
    ) -> RecorderState:
        """Enter a guard's own decisions."""
        return await self._write(RecordDecisions(batch, calls, proofs))

    async def report_outcome(self, outcome: OutcomeRecord) -> None:
        """Enter what came of a call."""
        await self._write(ReportOutcome(outcome))

    async def revoke(self, revocations: Sequence[RevocationRecord]) -> int:
        """Enter revocations, all or none."""
        return await self._write_to_feed(Revoke(revocations))

    async def feed_beyond(self, position: int) -> int:
        """Wait until the feed is beyond a position."""
        while self._head <= position:
            await self._head_moved.wait()
        return self._head

    async def put_agent(self, agent: AgentRecord) -> None:
        """Register an agent, or replace its registration."""
        await self._write(PutAgent(agent))

    async def add_offer(self, offer: OfferRecord) -> None:
        """Keep an offer."""
        await self._write(AddOffer(offer))

    async def take_offer(self, offer_digest: bytes, *, taken_by: str, now_ms: int) -> OfferRecord:
        """Take an offer for one handoff."""
        return await self._write(TakeOffer(offer_digest, taken_by, now_ms))

    async def put_document(self, document: DocumentRecord) -> None:
        """Keep a version of a document."""
        await self._write(PutDocument(document))

    async def purge_expired(self, now_ms: int, *, limit: int = 1000) -> int:
        """Forget what has expired."""
        return await self._write(PurgeExpired(now_ms, limit))

    async def _write(self, operation: Operation[T]) -> T:
        return cast("T", await self._writer.submit(operation))

    async def _write_to_feed(self, operation: Operation[int]) -> int:
        """Write what moves the feed. Whoever asked may hang up: it is made, and told, all the same."""
        written = self._writer.submit(operation)
        written.add_done_callback(self._written_to_feed)
        return cast("int", await asyncio.shield(written))

    def _written_to_feed(self, written: asyncio.Future[object]) -> None:
        if not written.cancelled() and written.exception() is None:
            self._moved_to(cast("int", written.result()))

    def _session(self) -> SqliteSession:
        with storage_errors():
            return SqliteSession(connect(self._path, writes=True))

    def _moved_to(self, position: int) -> int:
        if position > self._head:
            self._head = position
            # Whoever waits now wakes; whoever comes later waits for the next move.
            self._head_moved.set()
            self._head_moved = asyncio.Event()
        return position


def _migrate(path: Path) -> None:
    create_file(path)
    try:
        connection = connect(path, writes=True)
    except sqlite3.Error as error:
        raise StorageError(
            "storage_unavailable", f"cannot open {path}: {error}; restore a backup, or set database.path"
        ) from error
    engine = sa.create_engine("sqlite://", creator=lambda: connection, poolclass=sa.pool.StaticPool)
    try:
        with storage_errors(), engine.connect() as session:
            session.exec_driver_sql("BEGIN IMMEDIATE")
            migrations.upgrade(session)
            session.commit()
    except sa.exc.DBAPIError as error:
        raise unavailable(error.orig or error) from error
    finally:
        engine.dispose()
        connection.close()


if TYPE_CHECKING:
    _PORT: type[Storage] = SqliteStorage  # the type checker compares them
