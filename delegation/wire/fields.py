"""Reading single fields of a message that somebody else sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from google.protobuf.message import Message

from delegation.core.chain import TraceIds
from delegation.errors import InvalidRequest, RequestFailed

M = TypeVar("M", bound=Message)

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
MAX_TIME_MS: Final = 253_402_300_799_999
"""The end of the year 9999: a later time is a mistake in the unit."""


def sized(value: bytes, size_bytes: int, name: str) -> bytes:
    """Return a field of just this many bytes; raise `InvalidRequest` for any other."""
    if len(value) != size_bytes:
        raise InvalidRequest(f"{name} must have {size_bytes} bytes, it has {len(value)}")
    return value


def at_most(value: bytes, limit_bytes: int, name: str) -> bytes:
    """Return a field of up to this many bytes; raise `InvalidRequest` for a longer one."""
    if len(value) > limit_bytes:
        raise InvalidRequest(f"{name} may have {limit_bytes} bytes, it has {len(value)}")
    return value


def text(value: str, limit_bytes: int, name: str, *, required: bool = True) -> str:
    """Return a text of up to this many bytes in UTF-8; raise `InvalidRequest` for a longer or missing one, or a NUL."""
    if required and not value:
        raise InvalidRequest(f"{name} is missing")
    if len(value) > limit_bytes or (not value.isascii() and len(value.encode()) > limit_bytes):
        raise InvalidRequest(f"{name} may have {limit_bytes} bytes")
    if "\0" in value:  # not every database can keep it
        raise InvalidRequest(f"{name} has a NUL character")
    return value


def printable(value: str, limit_bytes: int, name: str) -> str:
    """Return a name as `text` does, that can be shown on one line; raise `InvalidRequest` for any other."""
    if not text(value, limit_bytes, name).isprintable():
        raise InvalidRequest(f"{name} has a character that cannot be printed")
    return value


def moment_ms(value: int, name: str) -> int:
    """Return a time in milliseconds since the epoch; raise `InvalidRequest` for an impossible one."""
    if not 0 < value <= MAX_TIME_MS:
        raise InvalidRequest(f"{name} is no time in milliseconds since 1970")
    return value


def trace_ids(trace_id: bytes, span_id: bytes) -> TraceIds | None:
    """Return the trace context of two fields that come together or not at all."""
    if not trace_id and not span_id:
        return None
    return TraceIds(sized(trace_id, TRACE_ID_BYTES, "trace_id"), sized(span_id, SPAN_ID_BYTES, "span_id"))


def whole(request: M | None) -> M:
    """Return a request of which this version knows every field, at any depth.

    A newer client may have said something that limits what it asks for: to leave that out would be to give more.

    Raises:
        InvalidRequest: It has fields that this version does not know, or, if None, could not be read.
    """
    if request is None:
        raise InvalidRequest("the request is no message of this RPC")
    size_bytes = request.ByteSize()
    request.DiscardUnknownFields()
    if request.ByteSize() != size_bytes:
        raise InvalidRequest("the request has fields that this version of the service does not know: leave them out")
    return request


@contextmanager
def service_answer() -> Iterator[None]:
    """Blame the service, not the request, for what is wrong in a response."""
    try:
        yield
    except InvalidRequest as error:
        raise RequestFailed(f"the service's answer makes no sense: {error}") from None
