"""Writes of the service's own decisions, with or without the state of their task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from delegation.core.observation import Observation
from delegation.storage import queries
from delegation.storage.operations.operation import Insertion, InsertOperation, Lock, Row, Transaction
from delegation.storage.operations.proofs import ADD_PROOF, check_remembered, earlier_use, proof_row
from delegation.storage.operations.sessions import Wanted
from delegation.storage.preconditions import Fence, ProofUse
from delegation.storage.refused_writes import ReplayedProofError
from delegation.storage.rows import CALLS
from delegation.storage.sessions import Decided, SessionStep, Verdict
from delegation.storage.statements import Statement

if TYPE_CHECKING:
    from delegation.storage.records import CallRecord

_BRIEF: Final = 16
"""Sums and agents of a call that is judged on the event loop."""

ADD_CALL: Final = Statement(CALLS.insert())
_CALL: Final = Statement(queries.CALL)


def _rows(transaction: Transaction, call: CallRecord, proof: ProofUse | None) -> list[tuple[Statement, Row]]:
    rows: list[tuple[Statement, Row]] = [(ADD_CALL, CALLS.to_row(call))]
    if proof is not None:
        check_remembered(transaction, proof)
        # First, because a used nonce is the likely obstacle.
        rows.insert(0, (ADD_PROOF, proof_row(proof, call.call_id)))
    return rows


def _earlier(transaction: Transaction, proof: ProofUse | None) -> CallRecord | None:
    """Return the decision of the same request, if it was taken before. Raises `ReplayedProofError`."""
    earlier = None if proof is None else earlier_use(transaction, proof)
    if earlier is None:
        return None
    decided = transaction.one(_CALL, call_id=earlier[3])
    if decided is None:  # used up, but not by a decision
        raise ReplayedProofError
    return CALLS.from_row(decided)


@dataclass(frozen=True, slots=True)
class Decide(InsertOperation["CallRecord"]):
    """See `Storage.decide`."""

    leaves_known: ClassVar[bool] = True
    call: CallRecord
    proof: ProofUse | None
    fence: Fence | None

    def plan(self, transaction: Transaction) -> Insertion[CallRecord]:
        """The proof is unused."""
        transaction.check(self.fence)
        return Insertion(self.call, _rows(transaction, self.call, self.proof))

    def apply(self, transaction: Transaction) -> CallRecord:
        """Look for an earlier decision first."""
        transaction.check(self.fence)
        standing = _earlier(transaction, self.proof)
        if standing is None:
            for statement, row in self.plan(transaction).rows:
                transaction.insert(statement, [row])
            return self.call
        if standing.allowed and not self.call.allowed:  # what was permitted then is not any more
            transaction.insert(ADD_CALL, [CALLS.to_row(self.call)])
            return self.call
        return standing


@dataclass(frozen=True, slots=True)
class DecideInSession(InsertOperation[Decided]):
    """See `Storage.decide_in_session`."""

    lock: ClassVar[Lock] = Lock.SHARED
    leaves_known: ClassVar[bool] = True
    call: CallRecord
    step: SessionStep
    proof: ProofUse | None
    fence: Fence | None

    @property
    def brief(self) -> bool:
        """A long chain may bring hundreds of sums."""
        return len(self.step.demands) + len(self.step.agents) <= _BRIEF

    def wants(self) -> tuple[Wanted, ...]:
        """The state of the call's task."""
        return (Wanted.by(self.step),)

    def plan(self, transaction: Transaction) -> Insertion[Decided]:
        """The proof is unused. What is judged here is seen by whatever comes after it in the group."""
        transaction.check(self.fence)
        if self.proof is not None:
            check_remembered(transaction, self.proof)
        decided = self._judged(transaction)
        return Insertion(decided, _rows(transaction, decided.call, self.proof))

    def apply(self, transaction: Transaction) -> Decided:
        """Look for an earlier decision first: it stands, and nothing is used."""
        transaction.check(self.fence)
        standing = _earlier(transaction, self.proof)
        if standing is None:
            plan = self.plan(transaction)
            for statement, row in plan.rows:
                transaction.insert(statement, [row])
            return plan.result
        if standing.allowed and not self.call.allowed:
            decided = self._judged(transaction)
            transaction.insert(ADD_CALL, [CALLS.to_row(decided.call)])
            return decided
        return Decided(standing, None)

    def _judged(self, transaction: Transaction) -> Decided:
        verdict = transaction.sessions.judge(self.step)
        if verdict.refusal is None and self.call.allowed:
            reserved = transaction.sessions.permit(self.step, self.call.call_id, verdict)
            return Decided(self._as_judged(self.call, verdict, reserved), None)
        transaction.sessions.deny(self.step)
        anyway = self.step.anyway
        if anyway is not None:
            transaction.sessions.note(anyway)
        if verdict.refusal is None or not self.call.allowed:  # it was refused before the state was asked
            return Decided(self.call, verdict.refusal)
        refused = verdict.refusal
        observed = Observation.LISTED if anyway is not None else None
        denied = self.call.denied(refused.reason, refused.layer, refused.link_index, observed=observed)
        return Decided(self._as_judged(denied, verdict), refused)

    @staticmethod
    def _as_judged(call: CallRecord, verdict: Verdict, reserved: str | None = None) -> CallRecord:
        """Note with a call what decided it, and what it took."""
        if verdict.rules is None and verdict.obligations is None and verdict.inputs is None and reserved is None:
            return call
        rules, obligations, inputs = verdict.rules, verdict.obligations, verdict.inputs
        return call._replace(rules=rules, obligations=obligations, inputs=inputs, reserved=reserved)
