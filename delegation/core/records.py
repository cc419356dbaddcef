"""Decision records and outcomes as values: what a guard says about the calls it decided."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

from delegation.core.chain import TraceIds
from delegation.core.named_tuple import NamedTuple

GENESIS: Final = bytes(32)
"""The chain hash before a guard's first record."""


class DecisionRecord(NamedTuple):
    """One decision of a guard.

    Attributes:
        call_id: 16 bytes; names the call from here on.
        chain_digest: link id of the leaf, 32 bytes; empty if no chain could be read.
        audience, tool: what was called.
        arguments_digest: SHA-256 of the arguments, 32 bytes.
        decided_at_ms: when.
        allowed: whether the call was permitted.
        reason: the `Reason` of a refusal, or empty.
        link_index: the link at fault, or None.
        feed_position: what the guard knew of the revocation feed.
        proof: the exact bytes of the signed proof, or empty.
        trace: of the decision.
        break_glass: nonce of the break-glass statement under which the call was permitted, 16 bytes, or empty.
        observed: whether it was refused and ran all the same, since its tool was under observation.
    """

    call_id: bytes
    chain_digest: bytes
    audience: str
    tool: str
    arguments_digest: bytes
    decided_at_ms: int
    allowed: bool
    reason: str
    link_index: int | None
    feed_position: int
    proof: bytes
    trace: TraceIds | None
    break_glass: bytes = b""
    observed: bool = False

    def __repr__(self) -> str:
        return f"DecisionRecord({self.call_id.hex()}, {self.audience}.{self.tool}, {self.reason or 'allowed'})"


class DecisionBatch(NamedTuple):
    """Records of one guard, numbered without gaps and hash-chained.

    Attributes:
        guard_key: the guard's public key, 32 bytes.
        first_sequence: number of the first record; a guard's first has number 1.
        previous_hash: chain hash after the record before, 32 bytes.
        records: the canonical records, as bytes; not empty.
    """

    guard_key: bytes
    first_sequence: int
    previous_hash: bytes
    records: tuple[bytes, ...]

    @property
    def next_sequence(self) -> int:
        """The number of the record after this batch."""
        return self.first_sequence + len(self.records)

    @property
    def head(self) -> bytes:
        """The chain hash after this batch, 32 bytes."""
        head = self.previous_hash
        for record in self.records:
            head = chain_hash(head, record)
        return head


def chain_hash(previous: bytes, record: bytes) -> bytes:
    """Give the chain hash after a record: SHA-256 of the hash before it and the record."""
    return hashlib.sha256(previous + record).digest()


class OutcomeStatus(StrEnum):
    """How a call ended."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Outcome(NamedTuple):
    """What came of a call, as its tool declares it.

    Attributes:
        call_id: the call, 16 bytes.
        status: how it ended.
        ended_at_ms: when.
        impacts: what it did downstream, (name, amount), sorted by name.
    """

    call_id: bytes
    status: OutcomeStatus
    ended_at_ms: int
    impacts: tuple[tuple[str, str], ...] = ()
