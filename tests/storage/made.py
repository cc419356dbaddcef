"""Records for the storage tests: complete, different from one another, short to ask for."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from delegation.storage.preconditions import Fence, Idempotency, IdempotencyKey, ProofUse
from delegation.storage.records import (
    CallRecord,
    DecisionBatch,
    LinkRecord,
    OutcomeRecord,
    RecorderState,
    RevocationRecord,
    TaskRecord,
)

NOW_MS = 1_760_000_000_000
FILES = "spiffe://example.org/tool/files"
PLANNER = "spiffe://example.org/agent/planner"
READER = "spiffe://example.org/agent/reader"

_numbers = itertools.count(1)


def digest(name: object) -> bytes:
    return hashlib.sha256(str(name).encode()).digest()


def next_id() -> bytes:
    """16 bytes, later ones sorting after earlier ones."""
    number = next(_numbers)
    return number.to_bytes(6, "big") + digest(number)[:10]


def a_task(**fields: Any) -> TaskRecord:
    task_id = fields.pop("task_id", None) or next_id()
    made: dict[str, Any] = {
        "task_id": task_id,
        "grant_link_id": digest(task_id),
        "holder_agent": PLANNER,
        "principal_subject": "alice",
        "principal_issuer": "https://id.example.org",
        "principal_basis": "oidc_id_token",
        "purpose": "tidy up",
        "created_ms": NOW_MS,
        "expires_ms": NOW_MS + 900_000,
        "caller": PLANNER,
        "trace_id": task_id,
    }
    return TaskRecord(**made | fields)


def a_link(task: TaskRecord, parent: LinkRecord | None = None, **fields: Any) -> LinkRecord:
    made: dict[str, Any] = {
        "link_id": task.grant_link_id if parent is None else digest(next_id()),
        "task_id": task.task_id,
        "parent_link_id": None if parent is None else parent.link_id,
        "index": 0 if parent is None else parent.index + 1,
        "holder_agent": task.holder_agent if parent is None else READER,
        "holder_key": digest(next_id()),
        "signed": b"signed link",
        "expires_ms": NOW_MS + 300_000,
        "recorded_ms": NOW_MS,
        "receipt": b"receipt",
        "caller": PLANNER,
        "span_id": b"\x00span-id",
    }
    return LinkRecord(**made | fields)


def a_call(task: TaskRecord | None = None, **fields: Any) -> CallRecord:
    call_id = fields.pop("call_id", None) or next_id()
    made: dict[str, Any] = {
        "call_id": call_id,
        "task_id": None if task is None else task.task_id,
        "leaf_link_id": None if task is None else task.grant_link_id,
        "leaf_agent": READER,
        "principal_subject": "alice",
        "audience": FILES,
        "tool": "read_file",
        "allowed": True,
        "reason": "",
        "layer": "",
        "link_index": None,
        "arguments_digest": digest("arguments"),
        "proof_nonce": digest(call_id)[:16],
        "decided_ms": NOW_MS,
        "decided_by": "service",
        "recorded_ms": NOW_MS,
        "feed_position": 0,
        "caller": FILES,
        "proof": b"signed proof",
    }
    return CallRecord(**made | fields)


def proof_of(call: CallRecord, **fields: Any) -> ProofUse:
    made: dict[str, Any] = {
        "proof_id": call.proof_nonce,
        "issued_ms": call.decided_ms - 5,
        "audience": call.audience,
        "caller": call.caller,
        "request_digest": digest(call.proof_nonce),
    }
    return ProofUse(**made | fields)


def an_outcome(call: CallRecord, **fields: Any) -> OutcomeRecord:
    made = {"status": "ok", "impact": '{"rows": 3}', "reported_ms": NOW_MS + 50, "caller": FILES}
    return OutcomeRecord(call_id=call.call_id, **made | fields)


def a_revocation(kind: str = "task", revoked: bytes = b"", **fields: Any) -> RevocationRecord:
    made: dict[str, Any] = {
        "revoked_ms": NOW_MS,
        "expires_ms": NOW_MS + 900_000,
        "revoked_by": PLANNER,
        "why": "completed",
    }
    return RevocationRecord(kind=kind, id=revoked or digest(next_id()), **made | fields)


def a_fence(position: int, *rests_on: tuple[str, bytes]) -> Fence:
    return Fence(position, frozenset(rests_on))


def an_idempotency(key: str, request: str = "request", response: bytes = b"response") -> Idempotency:
    return Idempotency(IdempotencyKey(PLANNER, "Grant", key, digest(request)), response, NOW_MS + 86_400_000)


def a_batch(state: RecorderState, count: int) -> tuple[DecisionBatch, list[CallRecord]]:
    """The batch with which a guard goes on from where it stands."""
    calls = [
        a_call(
            guard_key=state.guard_key,
            guard_sequence=state.next_sequence + place,
            decided_by=state.guard_key.hex(),
            proof=b"",
            record=b"record",
        )
        for place in range(count)
    ]
    last_hash = digest((state.last_hash, [call.call_id for call in calls]))
    batch = DecisionBatch(
        guard_key=state.guard_key,
        first_sequence=state.next_sequence,
        previous_hash=state.last_hash,
        last_hash=last_hash,
        signed=b"signed batch",
        caller=FILES,
        recorded_ms=NOW_MS,
    )
    return batch, calls
