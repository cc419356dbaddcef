"""The canonical form and the checks that every decoder shares (SPEC section 3).

Protobuf accepts many encodings of one message: repeated singular fields, overlong varints, unknown
fields, any order. Only the one that a canonical encoder writes is accepted, so that what was signed
and what is decided from are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

from google.protobuf.message import DecodeError, EncodeError, Message

from delegation.core import limits
from delegation.core.chain import TraceIds
from delegation.core.named_tuple import made
from delegation.core.names import check_name
from delegation.errors import Reason, refusal

M = TypeVar("M", bound=Message)
P = ParamSpec("P")
R = TypeVar("R")

PARSE_ERRORS = (DecodeError, RecursionError, TypeError, ValueError)
"""What protobuf's implementations, the compiled and the pure one, raise for bytes that are no message."""

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
_NO_TRACE = bytes(_TRACE_ID_BYTES)
_NO_SPAN = bytes(_SPAN_ID_BYTES)


def parse(message_type: type[M], data: bytes, limit: int = limits.DOCUMENT_BYTES) -> M:
    """Parse bytes that need not be canonical; follow with `require_canonical`.

    Raises:
        Malformed: TOKEN_TOO_LARGE or MALFORMED.
    """
    if len(data) > limit:
        raise refusal(Reason.TOKEN_TOO_LARGE)
    try:
        return message_type.FromString(data)
    except PARSE_ERRORS:
        raise refusal(Reason.MALFORMED) from None


def require_canonical(message: Message, data: bytes) -> None:
    """Require that `data` is the canonical form of the message parsed from it.

    Without discarding them first, unknown fields would be written out again and pass.

    Raises:
        Malformed: NOT_CANONICAL.
    """
    message.DiscardUnknownFields()
    if message.SerializeToString() != data:  # without maps, which no message here has, there is but one order
        raise refusal(Reason.NOT_CANONICAL)


def strict(message_type: type[M], data: bytes, limit: int = limits.DOCUMENT_BYTES) -> M:
    """Parse canonical bytes.

    Raises:
        Malformed: TOKEN_TOO_LARGE, MALFORMED or NOT_CANONICAL.
    """
    message = parse(message_type, data, limit)
    require_canonical(message, data)
    return message


def encode(message: Message) -> bytes:
    """Give the canonical form of a message."""
    return message.SerializeToString(deterministic=True)


def encoder(write: Callable[P, R]) -> Callable[P, R]:
    """Let a function that builds messages raise `Malformed`, FIELD_INVALID, for a value that fits no field."""

    @wraps(write)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return write(*args, **kwargs)
        except (EncodeError, ValueError, TypeError, RecursionError):
            raise refusal(Reason.FIELD_INVALID, detail="a value does not fit its field") from None

    return checked


def invalid(what: str) -> NoReturn:
    """Refuse a field's value."""
    raise refusal(Reason.FIELD_INVALID, detail=what)


def check_text(text: str, what: str, limit: int) -> str:
    """Require a printable text within its limit; it may be empty.

    Raises:
        Malformed: FIELD_INVALID.
    """
    return check_name(text, what, limit) if text else text


def check_agent(agent: str) -> str:
    """Require an agent id: an absolute URI without spaces.

    Raises:
        Malformed: FIELD_INVALID.
    """
    if ":" not in agent or " " in agent or agent[0] == ":":
        invalid("an agent id is not an absolute URI")
    return check_name(agent, "an agent id")


def check_bytes(value: bytes, size: int, what: str) -> bytes:
    """Require so many bytes.

    Raises:
        Malformed: FIELD_INVALID.
    """
    if len(value) != size:
        invalid(f"{what} is not {size} bytes")
    return value


def check_time(value: int, what: str) -> int:
    """Require a positive time that every implementation can hold.

    Raises:
        Malformed: FIELD_INVALID.
    """
    if not 0 < value <= limits.SAFE_INTEGER:
        invalid(f"{what} is not a time")
    return value


def check_count(value: int, what: str) -> int:
    """Require a position, number or version that every implementation and database can hold.

    Raises:
        Malformed: FIELD_INVALID.
    """
    if value > limits.SAFE_INTEGER:
        invalid(f"{what} is too large")
    return value


def check_optional_time(value: int, what: str) -> int:
    """Require a time or 0, as `check_time`."""
    return value if value == 0 else check_time(value, what)


def trace_of(trace_id: bytes, span_id: bytes) -> TraceIds | None:
    """Take trace ids: both, of W3C's sizes and not all zero, or neither.

    Raises:
        Malformed: FIELD_INVALID.
    """
    if not trace_id and not span_id:
        return None
    if (
        len(trace_id) != _TRACE_ID_BYTES
        or len(span_id) != _SPAN_ID_BYTES
        or trace_id == _NO_TRACE
        or span_id == _NO_SPAN
    ):
        invalid("trace and span id are not those of a W3C trace context")
    return made(TraceIds, (trace_id, span_id))


def trace_fields(trace: TraceIds | None) -> dict[str, Any]:
    """Give the fields `trace_id` and `span_id` of a message."""
    return {} if trace is None else {"trace_id": trace.trace_id, "span_id": trace.span_id}
