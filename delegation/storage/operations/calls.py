"""Writes about calls, apart from the service's own decisions: proofs, guards' decisions, outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from delegation.errors import Conflict
from delegation.storage import queries
from delegation.storage.operations.decisions import ADD_CALL
from delegation.storage.operations.operation import Insertion, InsertOperation, Operation, Transaction
from delegation.storage.operations.proofs import ADD_PROOF, MARK_PROOF, check_remembered, earlier_use, proof_row
from delegation.storage.operations.sessions import Wanted
from delegation.storage.preconditions import Fence, ProofUse
from delegation.storage.records import RecorderState
from delegation.storage.refused_writes import NotRecordedError, OutOfSequenceError
from delegation.storage.rows import BATCHES, CALLS, OUTCOMES, RECORDERS
from delegation.storage.schema import calls, decision_batches, outcomes, recorders
from delegation.storage.statements import Statement, insert_or_replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delegation.storage.records import CallRecord, DecisionBatch, OutcomeRecord
    from delegation.storage.sessions import CallsThatRan

_FAILED: Final = "failed"
_ADD_OUTCOME = Statement(OUTCOMES.insert())
_OUTCOME = Statement(OUTCOMES.select().where(outcomes.c.call_id == sa.bindparam("call_id")))
_CALL_EXISTS = Statement(sa.select(calls.c.call_id).where(calls.c.call_id == sa.bindparam("call_id")))
_RECORDER = Statement(queries.RECORDER)
_SET_RECORDER = insert_or_replace(recorders)
_ADD_BATCH = Statement(BATCHES.insert())
_BATCH_HASHES = Statement(
    sa.select(decision_batches.c.previous_hash, decision_batches.c.last_hash).where(
        decision_batches.c.guard_key == sa.bindparam("guard_key"),
        decision_batches.c.first_sequence == sa.bindparam("first_sequence"),
    )
)


@dataclass(frozen=True, slots=True)
class ConsumeProof(InsertOperation[None]):
    """See `Storage.consume_proof`."""

    proof: ProofUse
    fence: Fence | None

    def plan(self, transaction: Transaction) -> Insertion[None]:
        """The proof is unused."""
        transaction.check(self.fence)
        check_remembered(transaction, self.proof)
        return Insertion(None, [(ADD_PROOF, proof_row(self.proof, None))])

    def apply(self, transaction: Transaction) -> None:
        """Look for an earlier use first."""
        transaction.check(self.fence)
        if earlier_use(transaction, self.proof) is None:
            transaction.insert(ADD_PROOF, [proof_row(self.proof, None)])


@dataclass(frozen=True, slots=True)
class RecordDecisions(Operation[RecorderState]):
    """See `Storage.record_decisions`."""

    batch: DecisionBatch
    calls: Sequence[CallRecord]
    proofs: Sequence[ProofUse]
    ran: Sequence[CallsThatRan] = ()

    def wants(self) -> tuple[Wanted, ...]:
        """The states of the tasks in which calls ran that leave something there."""
        return tuple(Wanted(ran.task_id, ran.expires_ms, ran.agents, acting=ran.acting) for ran in self.ran)

    def apply(self, transaction: Transaction) -> RecorderState:
        """Enter the batch if it goes on where its guard stands."""
        batch = self.batch
        row = transaction.one(_RECORDER, guard_key=batch.guard_key)
        state = RecorderState(batch.guard_key) if row is None else RECORDERS.from_row(row)
        if batch.first_sequence != state.next_sequence or batch.previous_hash != state.last_hash:
            return self._again(transaction, state)
        state = RecorderState(batch.guard_key, state.next_sequence + len(self.calls), batch.last_hash)
        transaction.insert(_ADD_BATCH, [BATCHES.to_row(batch)])
        transaction.insert(ADD_CALL, map(CALLS.to_row, self.calls))
        transaction.insert(MARK_PROOF, [proof_row(proof, None) for proof in self.proofs])
        transaction.insert(_SET_RECORDER, [RECORDERS.to_row(state)])
        transaction.sessions.open(self.wants())
        for ran in self.ran:
            transaction.sessions.note(ran)
        return state

    def _again(self, transaction: Transaction, state: RecorderState) -> RecorderState:
        hashes = transaction.one(
            _BATCH_HASHES, guard_key=self.batch.guard_key, first_sequence=self.batch.first_sequence
        )
        # The last hash covers every decision of the batch, so these say that it is the same.
        if hashes != (self.batch.previous_hash, self.batch.last_hash):
            raise OutOfSequenceError(state)
        return state


@dataclass(frozen=True, slots=True)
class ReportOutcome(InsertOperation[None]):
    """See `Storage.report_outcome`."""

    outcome: OutcomeRecord

    def wants(self) -> tuple[Wanted, ...]:
        """What the call has reserved, if it failed."""
        return (Wanted(call_id=self.outcome.call_id),) if self.outcome.status == _FAILED else ()

    def plan(self, transaction: Transaction) -> Insertion[None]:
        """The call is there, an outcome is not."""
        if transaction.one(_CALL_EXISTS, call_id=self.outcome.call_id) is None:
            raise NotRecordedError("no such call")
        if self.outcome.status == _FAILED:
            transaction.sessions.give_back(self.outcome.call_id)
        return Insertion(None, [(_ADD_OUTCOME, OUTCOMES.to_row(self.outcome))])

    def apply(self, transaction: Transaction) -> None:
        """Look for the outcome first."""
        row = transaction.one(_OUTCOME, call_id=self.outcome.call_id)
        if row is None:
            ((statement, values),) = self.plan(transaction).rows
            transaction.insert(statement, [values])
        elif _content(OUTCOMES.from_row(row)) != _content(self.outcome):
            raise Conflict("another outcome of this call is recorded")


def _content(outcome: OutcomeRecord) -> tuple[str, str, str]:
    return outcome.status, outcome.impact, outcome.caller
