"""Messages of DelegationService that put a grant in the place of another one: renewal and reissue."""

from __future__ import annotations

from dataclasses import dataclass, field

from delegation.core import limits
from delegation.core.chain import TraceIds
from delegation.core.codec import scope_from_message, scope_to_message
from delegation.core.scope import Scope
from delegation.errors import InvalidRequest
from delegation.v1 import chain_pb2
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire.delegation import MAX_PRINCIPAL_TOKEN_BYTES, idempotency_key
from delegation.wire.fields import at_most, service_answer, sized, trace_ids


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """A grant to be renewed; fields as in `delegation_service.proto`."""

    task_id: bytes
    proof: bytes = field(repr=False)
    scope: Scope | None = None
    lifetime_ms: int | None = None
    trace: TraceIds | None = None
    idempotency_key: str = ""
    principal_token: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class ReissueRequest:
    """A grant to be issued for another key; fields as in `delegation_service.proto`."""

    task_id: bytes
    holder_key: bytes
    scope: Scope | None = None
    lifetime_ms: int | None = None
    trace: TraceIds | None = None
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The grant in the place of the former one."""

    token: bytes = field(repr=False)
    feed_position: int


def renew_request_message(request: RenewRequest) -> pb.RenewRequest:
    """Make the message that asks for a renewal."""
    trace = request.trace
    return pb.RenewRequest(
        task_id=request.task_id,
        proof=request.proof,
        scope=_scope_message(request.scope),
        lifetime_ms=request.lifetime_ms or 0,
        trace_id=trace.trace_id if trace else b"",
        span_id=trace.span_id if trace else b"",
        idempotency_key=request.idempotency_key,
        principal_token=request.principal_token,
    )


def read_renew_request(message: pb.RenewRequest) -> RenewRequest:
    """Read what is to be renewed. Raises `InvalidRequest`, or `Malformed` for a scope that is none."""
    return RenewRequest(
        task_id=sized(message.task_id, limits.TASK_ID_BYTES, "task_id"),
        proof=at_most(message.proof, limits.PROOF_BYTES, "proof"),
        scope=_read_scope(message),
        lifetime_ms=_lifetime_ms(message.lifetime_ms),
        trace=trace_ids(message.trace_id, message.span_id),
        idempotency_key=idempotency_key(message.idempotency_key),
        principal_token=at_most(message.principal_token, MAX_PRINCIPAL_TOKEN_BYTES, "principal_token"),
    )


def renew_response_message(replaced: Replaced) -> pb.RenewResponse:
    """Make the message of a renewed grant."""
    return pb.RenewResponse(token=replaced.token, feed_position=replaced.feed_position)


def reissue_request_message(request: ReissueRequest) -> pb.ReissueRequest:
    """Make the message that asks for a grant to be issued anew."""
    trace = request.trace
    return pb.ReissueRequest(
        task_id=request.task_id,
        holder_key=request.holder_key,
        scope=_scope_message(request.scope),
        lifetime_ms=request.lifetime_ms or 0,
        trace_id=trace.trace_id if trace else b"",
        span_id=trace.span_id if trace else b"",
        idempotency_key=request.idempotency_key,
    )


def read_reissue_request(message: pb.ReissueRequest) -> ReissueRequest:
    """Read what is to be issued anew. Raises `InvalidRequest`, or `Malformed` for a scope that is none."""
    return ReissueRequest(
        task_id=sized(message.task_id, limits.TASK_ID_BYTES, "task_id"),
        holder_key=sized(message.holder_key, limits.KEY_BYTES, "holder_key"),
        scope=_read_scope(message),
        lifetime_ms=_lifetime_ms(message.lifetime_ms),
        trace=trace_ids(message.trace_id, message.span_id),
        idempotency_key=idempotency_key(message.idempotency_key),
    )


def reissue_response_message(replaced: Replaced) -> pb.ReissueResponse:
    """Make the message of a grant that was issued anew."""
    return pb.ReissueResponse(token=replaced.token, feed_position=replaced.feed_position)


def read_replaced(message: pb.RenewResponse | pb.ReissueResponse) -> Replaced:
    """Read the new grant, unverified. Raises `RequestFailed`."""
    with service_answer():
        return Replaced(at_most(message.token, limits.TOKEN_BYTES, "token"), message.feed_position)


def _scope_message(scope: Scope | None) -> chain_pb2.Scope | None:
    return None if scope is None else scope_to_message(scope)


def _read_scope(message: pb.RenewRequest | pb.ReissueRequest) -> Scope | None:
    return scope_from_message(message.scope) if message.HasField("scope") else None


def _lifetime_ms(value: int) -> int | None:
    if value < 0:
        raise InvalidRequest("lifetime_ms is negative")
    return value or None
