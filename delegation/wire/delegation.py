"""Messages of DelegationService: getting, handing on and ending authority."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from delegation.core import limits
from delegation.core.chain import TraceIds
from delegation.core.codec import scope_from_message, scope_to_message
from delegation.core.codec import statement_from_message as read_statement
from delegation.core.codec import statement_to_message as statement_message
from delegation.core.revocation import RevocationKind
from delegation.core.scope import Scope
from delegation.core.statement import SignedStatement
from delegation.errors import InvalidRequest
from delegation.v1 import delegation_service_pb2 as pb
from delegation.v1 import statement_pb2
from delegation.wire.fields import at_most, service_answer, sized, text, trace_ids

MAX_IDEMPOTENCY_KEY_BYTES: Final = 64
MAX_PRINCIPAL_TOKEN_BYTES: Final = 16 * 1024
MAX_REVOKED_ID_BYTES: Final = limits.NAME_BYTES

_KIND_NUMBER: Final = {
    kind: statement_pb2.RevocationKind.Value(f"REVOCATION_KIND_{kind.name}") for kind in RevocationKind
}
_KIND: Final = {number: kind for kind, number in _KIND_NUMBER.items()}


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """What a caller wants to be allowed to do; fields as in `delegation_service.proto`."""

    purpose: str
    scope: Scope
    holder_key: bytes
    lifetime_ms: int | None = None
    max_depth: int | None = None
    unrecorded_handoffs: bool = False
    principal_token: bytes = field(default=b"", repr=False)
    trace: TraceIds | None = None
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant."""

    token: bytes = field(repr=False)
    task_id: bytes


@dataclass(frozen=True, slots=True)
class HandOffRequest:
    """Handoffs to be recorded."""

    tokens: tuple[bytes, ...] = field(repr=False)
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class RecordedHandOff:
    """A recorded handoff with what the service says of it."""

    link_id: bytes
    receipt: SignedStatement
    binding: SignedStatement | None = None


@dataclass(frozen=True, slots=True)
class CompleteTaskRequest:
    """A task to be ended."""

    task_id: bytes
    proof: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Completed:
    """An ended task."""

    completed_at_ms: int
    feed_position: int


@dataclass(frozen=True, slots=True)
class RevokeRequest:
    """Something to be revoked."""

    kind: RevocationKind
    id: bytes
    proof: bytes = field(default=b"", repr=False)
    justification: str = ""


# -- Grant ---------------------------------------------------------------------------------------------------


def grant_request_message(request: GrantRequest) -> pb.GrantRequest:
    """Make the message of a request for a grant."""
    trace = request.trace
    return pb.GrantRequest(
        purpose=request.purpose,
        scope=scope_to_message(request.scope),
        holder_key=request.holder_key,
        lifetime_ms=request.lifetime_ms or 0,
        max_depth=request.max_depth,
        unrecorded_handoffs=request.unrecorded_handoffs,
        principal_token=request.principal_token,
        trace_id=trace.trace_id if trace else b"",
        span_id=trace.span_id if trace else b"",
        idempotency_key=request.idempotency_key,
    )


def read_grant_request(message: pb.GrantRequest) -> GrantRequest:
    """Read a request for a grant. Raises `InvalidRequest`, or `Malformed` for a scope that is none."""
    if message.lifetime_ms < 0:
        raise InvalidRequest("lifetime_ms is negative")
    return GrantRequest(
        purpose=text(message.purpose, limits.PURPOSE_BYTES, "purpose"),
        scope=scope_from_message(message.scope),
        holder_key=sized(message.holder_key, limits.KEY_BYTES, "holder_key"),
        lifetime_ms=message.lifetime_ms or None,
        max_depth=message.max_depth if message.HasField("max_depth") else None,
        unrecorded_handoffs=message.unrecorded_handoffs,
        principal_token=at_most(message.principal_token, MAX_PRINCIPAL_TOKEN_BYTES, "principal_token"),
        trace=trace_ids(message.trace_id, message.span_id),
        idempotency_key=idempotency_key(message.idempotency_key),
    )


def grant_response_message(granted: Granted) -> pb.GrantResponse:
    """Make the message of a grant."""
    return pb.GrantResponse(token=granted.token, task_id=granted.task_id)


def read_grant_response(message: pb.GrantResponse) -> Granted:
    """Read a grant; the token is not verified. Raises `RequestFailed`."""
    with service_answer():
        return Granted(
            token=at_most(message.token, limits.TOKEN_BYTES, "token"),
            task_id=sized(message.task_id, limits.TASK_ID_BYTES, "task_id"),
        )


# -- HandOff -------------------------------------------------------------------------------------------------


def hand_off_request_message(request: HandOffRequest) -> pb.HandOffRequest:
    """Make the message of handoffs to be recorded."""
    return pb.HandOffRequest(tokens=request.tokens, idempotency_key=request.idempotency_key)


def read_hand_off_request(message: pb.HandOffRequest) -> HandOffRequest:
    """Read handoffs to be recorded; the tokens are not parsed. Raises `InvalidRequest`."""
    tokens = tuple(message.tokens)
    if not 0 < len(tokens) <= limits.BATCH_TOKENS:
        raise InvalidRequest(f"between 1 and {limits.BATCH_TOKENS} handoffs at a time, these are {len(tokens)}")
    return HandOffRequest(tokens, idempotency_key(message.idempotency_key))


def hand_off_response_message(handoffs: Sequence[RecordedHandOff]) -> pb.HandOffResponse:
    """Make the message of recorded handoffs."""
    return pb.HandOffResponse(
        handoffs=[
            pb.RecordedHandOff(
                link_id=handoff.link_id,
                receipt=statement_message(handoff.receipt),
                binding=statement_message(handoff.binding) if handoff.binding else None,
            )
            for handoff in handoffs
        ]
    )


def read_hand_off_response(message: pb.HandOffResponse) -> tuple[RecordedHandOff, ...]:
    """Read recorded handoffs; the statements are not verified. Raises `RequestFailed`, `Malformed`."""
    with service_answer():
        return tuple(
            RecordedHandOff(
                link_id=sized(each.link_id, limits.LINK_ID_BYTES, "link_id"),
                receipt=read_statement(each.receipt),
                binding=read_statement(each.binding) if each.HasField("binding") else None,
            )
            for each in message.handoffs
        )


# -- CompleteTask --------------------------------------------------------------------------------------------


def complete_task_request_message(request: CompleteTaskRequest) -> pb.CompleteTaskRequest:
    """Make the message that ends a task."""
    return pb.CompleteTaskRequest(task_id=request.task_id, proof=request.proof)


def read_complete_task_request(message: pb.CompleteTaskRequest) -> CompleteTaskRequest:
    """Read which task is to be ended. Raises `InvalidRequest`."""
    return CompleteTaskRequest(
        task_id=sized(message.task_id, limits.TASK_ID_BYTES, "task_id"),
        proof=at_most(message.proof, limits.PROOF_BYTES, "proof"),
    )


def complete_task_response_message(completed: Completed) -> pb.CompleteTaskResponse:
    """Make the message that a task has ended."""
    return pb.CompleteTaskResponse(completed_at_ms=completed.completed_at_ms, feed_position=completed.feed_position)


def read_complete_task_response(message: pb.CompleteTaskResponse) -> Completed:
    """Read when a task ended."""
    return Completed(message.completed_at_ms, message.feed_position)


# -- Revoke --------------------------------------------------------------------------------------------------


def revoke_request_message(request: RevokeRequest) -> pb.RevokeRequest:
    """Make the message that revokes something."""
    return pb.RevokeRequest(
        id=request.id,
        kind=_KIND_NUMBER[request.kind],
        proof=request.proof,
        justification=request.justification,
    )


def read_revoke_request(message: pb.RevokeRequest) -> RevokeRequest:
    """Read what is to be revoked; whether the id fits the kind is the use case's. Raises `InvalidRequest`."""
    kind = _KIND.get(message.kind)
    if kind is None:
        raise InvalidRequest("kind names nothing that can be revoked")
    if not message.id:
        raise InvalidRequest("id is missing")
    return RevokeRequest(
        kind=kind,
        id=at_most(message.id, MAX_REVOKED_ID_BYTES, "id"),
        proof=at_most(message.proof, limits.PROOF_BYTES, "proof"),
        justification=text(message.justification, limits.PURPOSE_BYTES, "justification", required=False),
    )


def revoke_response_message(feed_position: int) -> pb.RevokeResponse:
    """Make the message that something is revoked."""
    return pb.RevokeResponse(feed_position=feed_position)


def idempotency_key(value: str) -> str:
    """Read a caller's key for one write; empty if there is none. Raises `InvalidRequest`."""
    return text(value, MAX_IDEMPOTENCY_KEY_BYTES, "idempotency_key", required=False)
