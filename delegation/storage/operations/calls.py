"""Writes about calls: decisions, proofs, outcomes."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from delegation.errors import Conflict
from delegation.storage import queries
from delegation.storage.operations.operation import Insertion, InsertOperation, Operation, Row, Transaction
from delegation.storage.port import (
    Fence,
    NotRecordedError,
    OutOfSequenceError,
    ProofUse,
    ReplayedProofError,
)
from delegation.storage.records import RecorderState
from delegation.storage.rows import BATCHES, CALLS, OUTCOMES, RECORDERS
from delegation.storage.schema import calls, decision_batches, outcomes, proofs, recorders
from delegation.storage.statements import Statement, insert_or_leave, insert_or_replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delegation.storage.records import CallRecord, DecisionBatch, OutcomeRecord

_ADD_CALL = Statement(CALLS.insert())
_CALL = Statement(queries.CALL)
_ADD_PROOF = Statement(sa.insert(proofs))
_MARK_PROOF = insert_or_leave(proofs)
_PROOF = Statement(
    sa.select(proofs.c.audience, proofs.c.caller, proofs.c.request_digest, proofs.c.call_id).where(
        proofs.c.issued_ms == sa.bindparam("issued_ms"), proofs.c.nonce == sa.bindparam("nonce")
    )
)
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


def _proof_row(proof: ProofUse, call_id: bytes | None) -> Row:
    return (proof.issued_ms, proof.proof_id, proof.audience, proof.caller, proof.request_digest, call_id)


def _check_remembered(transaction: Transaction, proof: ProofUse) -> None:
    """Raise `ReplayedProofError` for a proof whose earlier use may have been forgotten.

    Who judges by a clock that is behind would otherwise take it for fresh.
    """
    if proof.issued_ms <= transaction.horizon():
        raise ReplayedProofError


def _earlier_use(transaction: Transaction, proof: ProofUse) -> Row | None:
    """Return the row of the same request's earlier use, if there is one.

    Raises:
        ReplayedProofError: The nonce was used, and not for this request.
    """
    row = transaction.one(_PROOF, issued_ms=proof.issued_ms, nonce=proof.proof_id)
    if row is None:
        _check_remembered(transaction, proof)
        return None
    audience, caller, request_digest, _ = row
    same = proof.request_digest and hmac.compare_digest(request_digest, proof.request_digest)
    if not same or (audience, caller) != (proof.audience, proof.caller):
        raise ReplayedProofError
    return row


@dataclass(frozen=True, slots=True)
class Decide(InsertOperation["CallRecord"]):
    """See `Storage.decide`."""

    call: CallRecord
    proof: ProofUse | None
    fence: Fence | None

    def plan(self, transaction: Transaction) -> Insertion[CallRecord]:
        """The proof is unused."""
        transaction.check(self.fence)
        rows = [(_ADD_CALL, CALLS.to_row(self.call))]
        if self.proof is not None:
            _check_remembered(transaction, self.proof)
            # First, because a used nonce is the likely obstacle.
            rows.insert(0, (_ADD_PROOF, _proof_row(self.proof, self.call.call_id)))
        return Insertion(self.call, rows)

    def apply(self, transaction: Transaction) -> CallRecord:
        """Look for an earlier decision first."""
        transaction.check(self.fence)
        earlier = None if self.proof is None else _earlier_use(transaction, self.proof)
        if earlier is None:
            for statement, row in self.plan(transaction).rows:
                transaction.insert(statement, [row])
            return self.call
        decided = transaction.one(_CALL, call_id=earlier[3])
        if decided is None:  # used up, but not by a decision
            raise ReplayedProofError
        standing = CALLS.from_row(decided)
        if standing.allowed and not self.call.allowed:  # what was permitted then is not any more
            transaction.insert(_ADD_CALL, [CALLS.to_row(self.call)])
            return self.call
        return standing


@dataclass(frozen=True, slots=True)
class ConsumeProof(InsertOperation[None]):
    """See `Storage.consume_proof`."""

    proof: ProofUse
    fence: Fence | None

    def plan(self, transaction: Transaction) -> Insertion[None]:
        """The proof is unused."""
        transaction.check(self.fence)
        _check_remembered(transaction, self.proof)
        return Insertion(None, [(_ADD_PROOF, _proof_row(self.proof, None))])

    def apply(self, transaction: Transaction) -> None:
        """Look for an earlier use first."""
        transaction.check(self.fence)
        if _earlier_use(transaction, self.proof) is None:
            transaction.insert(_ADD_PROOF, [_proof_row(self.proof, None)])


@dataclass(frozen=True, slots=True)
class RecordDecisions(Operation[RecorderState]):
    """See `Storage.record_decisions`."""

    batch: DecisionBatch
    calls: Sequence[CallRecord]
    proofs: Sequence[ProofUse]

    def apply(self, transaction: Transaction) -> RecorderState:
        """Enter the batch if it goes on where its guard stands."""
        batch = self.batch
        row = transaction.one(_RECORDER, guard_key=batch.guard_key)
        state = RecorderState(batch.guard_key) if row is None else RECORDERS.from_row(row)
        if batch.first_sequence != state.next_sequence or batch.previous_hash != state.last_hash:
            return self._again(transaction, state)
        state = RecorderState(batch.guard_key, state.next_sequence + len(self.calls), batch.last_hash)
        transaction.insert(_ADD_BATCH, [BATCHES.to_row(batch)])
        transaction.insert(_ADD_CALL, map(CALLS.to_row, self.calls))
        transaction.insert(_MARK_PROOF, [_proof_row(proof, None) for proof in self.proofs])
        transaction.insert(_SET_RECORDER, [RECORDERS.to_row(state)])
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

    def plan(self, transaction: Transaction) -> Insertion[None]:
        """The call is there, an outcome is not."""
        if transaction.one(_CALL_EXISTS, call_id=self.outcome.call_id) is None:
            raise NotRecordedError("no such call")
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
