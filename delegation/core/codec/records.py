"""Decision records, batches of them, and outcomes <-> bytes."""

from __future__ import annotations

from typing import Final

from delegation.core import limits
from delegation.core.codec.canonical import (
    check_bytes,
    check_count,
    check_text,
    check_time,
    encode,
    encoder,
    invalid,
    strict,
    trace_fields,
    trace_of,
)
from delegation.core.keys import check_public_key
from delegation.core.names import check_name
from delegation.core.records import DecisionBatch, DecisionRecord, Outcome, OutcomeStatus
from delegation.errors import Reason
from delegation.v1 import statement_pb2 as pb

_STATUSES: Final = {pb.OutcomeStatus.Value(f"OUTCOME_STATUS_{status.name}"): status for status in OutcomeStatus}
_STATUS_NUMBERS: Final = {status: number for number, status in _STATUSES.items()}
_REASONS: Final = frozenset(Reason)
_HASH_BYTES: Final = 32


def decode_batch(payload: bytes) -> DecisionBatch:
    """Read a payload whose signature was checked; the records in it stay bytes.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(pb.DecisionBatch, payload)
    check_public_key(message.guard_key)
    records = tuple(message.records)
    if not records or not message.first_sequence:
        invalid("a batch without records, or with a number below 1")
    check_count(message.first_sequence + len(records), "a record's number")
    return DecisionBatch(
        message.guard_key,
        message.first_sequence,
        check_bytes(message.previous_hash, _HASH_BYTES, "a chain hash"),
        records,
    )


@encoder
def encode_batch(batch: DecisionBatch) -> bytes:
    """Give the canonical payload."""
    return encode(
        pb.DecisionBatch(
            guard_key=batch.guard_key,
            first_sequence=batch.first_sequence,
            previous_hash=batch.previous_hash,
            records=batch.records,
        )
    )


def decode_record(data: bytes) -> DecisionRecord:
    """Read one record of a batch.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(pb.DecisionRecord, data, limits.RECORD_BYTES)
    if message.chain_digest:
        check_bytes(message.chain_digest, _HASH_BYTES, "a chain digest")
    if message.allowed == bool(message.reason) or (message.reason and message.reason not in _REASONS):
        invalid("a refusal, and only one, has a known reason")
    if message.link_number > limits.LINKS:
        invalid("a link number")
    if message.break_glass:
        check_bytes(message.break_glass, limits.NONCE_BYTES, "a break-glass nonce")
        if not message.allowed:
            invalid("a refused call needed no break-glass")
    if message.observed and message.allowed:
        invalid("a call that was permitted needed no observation")
    return DecisionRecord(
        check_bytes(message.call_id, limits.CALL_ID_BYTES, "a call id"),
        message.chain_digest,
        check_name(message.audience, "an audience"),
        check_name(message.tool, "a tool"),
        check_bytes(message.arguments_digest, _HASH_BYTES, "an arguments digest"),
        check_time(message.decided_at_ms, "decided_at_ms"),
        message.allowed,
        message.reason,
        message.link_number - 1 if message.link_number else None,
        check_count(message.feed_position, "a feed position"),
        message.proof,
        trace_of(message.trace_id, message.span_id),
        message.break_glass,
        message.observed,
    )


@encoder
def encode_record(record: DecisionRecord) -> bytes:
    """Give the canonical bytes."""
    return encode(
        pb.DecisionRecord(
            call_id=record.call_id,
            chain_digest=record.chain_digest,
            audience=record.audience,
            tool=record.tool,
            arguments_digest=record.arguments_digest,
            decided_at_ms=record.decided_at_ms,
            allowed=record.allowed,
            reason=record.reason,
            link_number=0 if record.link_index is None else record.link_index + 1,
            feed_position=record.feed_position,
            proof=record.proof,
            break_glass=record.break_glass,
            observed=record.observed,
            **trace_fields(record.trace),
        )
    )


def decode_outcome(payload: bytes) -> Outcome:
    """Read a payload whose signature was checked.

    Raises:
        Malformed: what is wrong with it.
    """
    message = strict(pb.Outcome, payload, limits.STATEMENT_BYTES)
    status = _STATUSES.get(message.status)
    if status is None:
        invalid("an unknown status of an outcome")
    impacts = tuple(
        (check_name(item.name, "an impact"), check_text(item.amount, "an amount", limits.NAME_BYTES))
        for item in message.impacts
    )
    names = [name for name, _ in impacts]
    if names != sorted(set(names)):
        invalid("impacts are not sorted and unique")
    return Outcome(
        check_bytes(message.call_id, limits.CALL_ID_BYTES, "a call id"),
        status,
        check_time(message.ended_at_ms, "ended_at_ms"),
        impacts,
    )


@encoder
def encode_outcome(outcome: Outcome) -> bytes:
    """Give the canonical payload."""
    return encode(
        pb.Outcome(
            call_id=outcome.call_id,
            status=_STATUS_NUMBERS[outcome.status],
            ended_at_ms=outcome.ended_at_ms,
            impacts=[pb.Impact(name=name, amount=amount) for name, amount in sorted(outcome.impacts)],
        )
    )
