"""RecordDecisions: take what a guard decided in process, numbered without gaps, chained and signed.

The record is the guard's own: nothing in it is judged again. What is checked is that it is whole, that
the guard may speak for these audiences, and which chains it is about. What the calls have read and done is noted
with their tasks, in the transaction that records them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from delegation.core import limits
from delegation.core.attest import open_batch
from delegation.core.call import Proof
from delegation.core.codec import decode_proof, decode_record, encode_statement, split_proof
from delegation.core.keys import key_id
from delegation.core.observation import Observation
from delegation.core.proof import proof_id
from delegation.core.records import DecisionBatch, DecisionRecord
from delegation.core.statement import SignedStatement
from delegation.errors import Conflict, InvalidRequest, Malformed, Reason, layer_of, refusal
from delegation.identity.port import Caller, Role
from delegation.service.attribution import Attribution
from delegation.service.call_ids import with_free_ids
from delegation.service.calls_that_ran import WhatRan
from delegation.service.guard_keys import GuardKeys
from delegation.service.ids import Clock
from delegation.service.late_links import LateLinks
from delegation.service.observations import Observations
from delegation.storage import records as stored
from delegation.storage.port import Storage
from delegation.storage.preconditions import ProofUse
from delegation.storage.refused_writes import OutOfSequenceError

_LOG: Final = structlog.get_logger("delegation")
_AT_A_TIME: Final = 128
"""Records read in one go: a whole batch would make others wait."""


class RecordDecisions:
    """Records batches, each exactly once."""

    def __init__(
        self,
        storage: Storage,
        *,
        guard_keys: GuardKeys,
        late_links: LateLinks,
        what_ran: WhatRan,
        observations: Observations,
        now_ms: Clock,
    ) -> None:
        self._storage = storage
        self._observations = observations
        self._what_ran = what_ran
        self._guard_keys = guard_keys
        self._late_links = late_links
        self._now_ms = now_ms

    async def __call__(self, caller: Caller, statement: SignedStatement, tokens: Sequence[bytes]) -> int:
        """Record a batch; return the number that the guard's next record must have.

        Args:
            caller: the tool that the guard guards.
            statement: the batch, signed with the guard's key.
            tokens: of chains that the guard has not sent before; one that does not verify is left out.

        Raises:
            PermissionDenied, PolicyDenied: the caller is no tool, speaks for other audiences, or the guard
                key belongs to another.
            BadStatement: RECORDS_INVALID; not signed by that key, malformed, or with a gap.
            Conflict: two records name the same call.
        """
        caller.require_role(Role.TOOL)
        batch = open_batch(statement)
        if len(batch.records) > limits.BATCH_RECORDS:
            raise InvalidRequest(f"a batch has at most {limits.BATCH_RECORDS} records, this one {len(batch.records)}")
        records = await _decoded(batch)
        for audience in {record.audience for record in records}:
            caller.require_audience(audience)
        await self._guard_keys.require(caller, batch.guard_key)
        _tell_of_break_glass(caller, records)
        about = await self._late_links.attribute(caller, records, tokens)
        now_ms = self._now_ms()
        observed = [await self._observations.of(record, now_ms) for record in records]
        _tell_of_claims(caller, observed)
        calls, proofs = _calls(caller, batch, records, about, now_ms)
        calls = [call._replace(observed=seen) if seen else call for call, seen in zip(calls, observed, strict=True)]
        kept = _batch_record(caller, batch, statement, now_ms)
        by_order = frozenset(record.call_id for record in records if record.break_glass)
        ran = await self._what_ran(calls, now_ms, by_order=by_order)
        try:
            try:
                state = await self._storage.record_decisions(kept, calls, proofs, ran)
            except Conflict:
                free = await with_free_ids(self._storage, kept, calls)
                state = await self._storage.record_decisions(kept, free, proofs, ran)
        except OutOfSequenceError as error:
            raise refusal(
                Reason.RECORDS_INVALID, detail=f"the guard's next record is number {error.expected.next_sequence}"
            ) from None
        return state.next_sequence


async def _decoded(batch: DecisionBatch) -> list[DecisionRecord]:
    """Read the records, giving way to others now and then. Raises `BadStatement` RECORDS_INVALID."""
    records: list[DecisionRecord] = []
    try:
        for start in range(0, len(batch.records), _AT_A_TIME):
            records += map(decode_record, batch.records[start : start + _AT_A_TIME])
            await asyncio.sleep(0)
    except Malformed as error:
        raise refusal(Reason.RECORDS_INVALID, detail=str(error)) from None
    return records


def _tell_of_break_glass(caller: Caller, records: Sequence[DecisionRecord]) -> None:
    """Warn of calls that ran by an operator's order, once for each order in a batch."""
    orders = Counter(record.break_glass for record in records if record.break_glass)
    for nonce, calls in orders.items():
        _LOG.warning("break-glass", tool=caller.id, order=nonce.hex(), calls=calls)


def _tell_of_claims(caller: Caller, observed: Sequence[Observation | None]) -> None:
    """Warn of calls that a guard says ran under observation, and that no catalogue says so of."""
    if claimed := observed.count(Observation.CLAIMED):
        _LOG.warning("refused calls ran, and no catalogue had them under observation", tool=caller.id, calls=claimed)


def _calls(
    caller: Caller,
    batch: DecisionBatch,
    records: Sequence[DecisionRecord],
    about: Mapping[bytes, Attribution],
    now_ms: int,
) -> tuple[list[stored.CallRecord], list[ProofUse]]:
    """Make the rows of a batch: its calls, and the proofs that the permitted ones used up."""
    decided_by = key_id(batch.guard_key).hex()
    calls: list[stored.CallRecord] = []
    proofs: list[ProofUse] = []
    for number, (record, encoded) in enumerate(zip(records, batch.records, strict=True), batch.first_sequence):
        proof = _proof(record.proof)
        if proof is not None and record.allowed:
            # By what the record says it was for, not by what the proof does: another's is not this tool's to use up.
            used = proof_id(record.chain_digest, record.audience, proof.nonce)
            proofs.append(ProofUse(used, proof.issued_at_ms, record.audience, caller.id))
        attribution = about[record.chain_digest]
        calls.append(
            stored.CallRecord(
                call_id=record.call_id,
                task_id=attribution.task_id,
                leaf_link_id=attribution.leaf_link_id,
                leaf_agent=attribution.agent,
                principal_subject=attribution.principal_subject,
                audience=record.audience,
                tool=record.tool,
                allowed=record.allowed,
                reason=record.reason,
                layer=layer_of(Reason(record.reason)) if record.reason else "",
                link_index=record.link_index,
                arguments_digest=record.arguments_digest,
                proof_nonce=proof.nonce if proof else b"",
                decided_ms=record.decided_at_ms,
                decided_by=decided_by,
                recorded_ms=now_ms,
                feed_position=record.feed_position,
                caller=caller.id,
                guard_key=batch.guard_key,
                guard_sequence=number,
                record=encoded,
                trace_id=record.trace.trace_id if record.trace else None,
                span_id=record.trace.span_id if record.trace else None,
            )
        )
    return calls, proofs


def _proof(encoded: bytes) -> Proof | None:
    """Read the proof that a record holds; None if a caller sent something that is none."""
    if not encoded:
        return None
    try:
        return decode_proof(split_proof(encoded)[0])
    except Malformed:
        return None


def _batch_record(
    caller: Caller, batch: DecisionBatch, statement: SignedStatement, now_ms: int
) -> stored.DecisionBatch:
    return stored.DecisionBatch(
        guard_key=batch.guard_key,
        first_sequence=batch.first_sequence,
        previous_hash=batch.previous_hash,
        last_hash=batch.head,
        signed=encode_statement(statement),
        caller=caller.id,
        recorded_ms=now_ms,
    )
