"""The exception tree to gRPC status and back: the same class with the same data on both sides.

A refusal travels as a `Refusal` in the details of google.rpc.Status, everything else as the status
code with an `ErrorInfo` that names the class, and with `RetryInfo` where there is advice. What is
not of the tree crosses as INTERNAL, without a word of what it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, Protocol

from google.protobuf.message import DecodeError
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from delegation.errors import (
    Conflict,
    DelegationError,
    InvalidRequest,
    Layer,
    NotFound,
    Overloaded,
    PermissionDenied,
    Refused,
    RequestFailed,
    ServiceUnavailable,
    StorageError,
    Unauthenticated,
)
from delegation.v1 import errors_pb2
from delegation.wire.refusals import read_refusal, refusal_message

DETAILS_KEY: Final = "grpc-status-details-bin"
"""Where gRPC carries a serialized google.rpc.Status, in the trailing metadata."""

DOMAIN: Final = "delegation.v1"
_MAX_SENTENCE_CHARACTERS: Final = 400
_INTERNAL: Final = "internal error"
_STORAGE: Final = "STORAGE_ERROR"

_CODE_OF_LAYER: Final = {
    Layer.DECODE: Code.INVALID_ARGUMENT,
    Layer.SIGNATURE: Code.PERMISSION_DENIED,
    Layer.LINKAGE: Code.PERMISSION_DENIED,
    Layer.NARROWING: Code.PERMISSION_DENIED,
    Layer.TIME: Code.PERMISSION_DENIED,
    Layer.STATEMENT: Code.PERMISSION_DENIED,
    Layer.REVOCATION: Code.PERMISSION_DENIED,
    Layer.PROOF: Code.PERMISSION_DENIED,
    Layer.SCOPE: Code.PERMISSION_DENIED,
    Layer.CONDITION: Code.PERMISSION_DENIED,
    Layer.POLICY: Code.PERMISSION_DENIED,
    Layer.AVAILABILITY: Code.FAILED_PRECONDITION,  # not UNAVAILABLE: nobody shall retry it blindly
}

_CODE_OF_CLASS: Final[dict[type[RequestFailed], Code.ValueType]] = {
    Unauthenticated: Code.UNAUTHENTICATED,
    PermissionDenied: Code.PERMISSION_DENIED,
    InvalidRequest: Code.INVALID_ARGUMENT,
    NotFound: Code.NOT_FOUND,
    Conflict: Code.ALREADY_EXISTS,
    Overloaded: Code.RESOURCE_EXHAUSTED,
    ServiceUnavailable: Code.UNAVAILABLE,
}

_CLASS_OF_CODE: Final[dict[int, type[RequestFailed]]] = {
    **{code: kind for kind, code in _CODE_OF_CLASS.items()},
    # What gRPC itself, a proxy or another server may say:
    Code.CANCELLED: ServiceUnavailable,
    Code.DEADLINE_EXCEEDED: ServiceUnavailable,
    Code.FAILED_PRECONDITION: Conflict,
    Code.ABORTED: Conflict,
    Code.OUT_OF_RANGE: InvalidRequest,
}

# What gRPC puts before the cause; which of a host's addresses was tried last changes from one attempt to the next.
_GRPC_PREAMBLE: Final = re.compile(r"failed to connect to all addresses; last error: |UNKNOWN: |(ipv[46]|unix):\S+: ")


class RpcFailure(Protocol):
    """What an exception of grpc or grpc.aio tells of a failed call."""

    def code(self) -> Any:
        """Return the `grpc.StatusCode`."""

    def details(self) -> str | None:
        """Return the status message."""

    def trailing_metadata(self) -> Iterable[Any] | None:
        """Return key and value pairs."""


def status_of(error: BaseException) -> Status:
    """Make the status of an exception. Only the tree's own words and data go into it."""
    if isinstance(error, Refused):
        return _status(_CODE_OF_LAYER[error.layer], str(error), refusal_message(error))
    if isinstance(error, RequestFailed):
        code = _CODE_OF_CLASS.get(type(error), Code.UNKNOWN)
        info = ErrorInfo(domain=DOMAIN, reason=type(error).__name__)
        if isinstance(error, Overloaded):
            return _status(code, str(error), info, _retry_info(error.retry_after_ms))
        return _status(code, str(error), info)
    if isinstance(error, StorageError):
        # The message may name files and hosts of the service: it stays at home.
        code = Code.RESOURCE_EXHAUSTED if error.reason == "overloaded" else Code.UNAVAILABLE
        info = ErrorInfo(domain=DOMAIN, reason=_STORAGE, metadata={"reason": error.reason})
        return _status(code, f"storage: {error.reason}", info)
    return Status(code=Code.INTERNAL, message=_INTERNAL)


def error_of(code: int, message: str, details: bytes | None = None) -> DelegationError:
    """Make the exception of a status.

    Args:
        code: The status code's number, as in google.rpc.Code.
        message: The status message, for people.
        details: The serialized google.rpc.Status that came along, if any.
    """
    found = _details(details)
    if refused := found.get(errors_pb2.Refusal):
        return read_refusal(refused)
    info = found.get(ErrorInfo)
    if info is not None and info.domain == DOMAIN and info.reason == _STORAGE:
        return StorageError(info.metadata.get("reason", "storage_unavailable"), message)
    kind = _CLASS_OF_CODE.get(code, RequestFailed)
    if kind is Overloaded:
        if info is None and "larger than max" in message:
            return InvalidRequest("the message is larger than the other side takes")
        retry = found.get(RetryInfo)
        return Overloaded(message, **({} if retry is None else {"retry_after_ms": _milliseconds(retry)}))
    if kind is ServiceUnavailable and info is None:  # nobody has answered: these words are gRPC's
        return ServiceUnavailable(_unreachable(code, message))
    return kind(message or f"the service answered with status {code}")


def error_of_call(failure: RpcFailure) -> DelegationError:
    """Make the exception of a failed call, as grpc and grpc.aio raise it."""
    status = failure.code()
    details = next((value for key, value in failure.trailing_metadata() or () if key == DETAILS_KEY), None)
    return error_of(status.value[0], failure.details() or "", details if isinstance(details, bytes) else None)


def _unreachable(code: int, message: str) -> str:
    if code == Code.CANCELLED:
        return "the call was cancelled"
    if code == Code.DEADLINE_EXCEEDED:
        return "the service did not answer in time"
    cause = _GRPC_PREAMBLE.sub("", message) or "no answer"
    return f"the service cannot be reached ({cause}): is it running, and is this its address?"


def _status(code: Code.ValueType, message: str, *details: Any) -> Status:
    status = Status(code=code, message=message[:_MAX_SENTENCE_CHARACTERS])
    for detail in details:
        status.details.add().Pack(detail)
    return status


def _retry_info(after_ms: int) -> RetryInfo:
    info = RetryInfo()
    info.retry_delay.FromMilliseconds(after_ms)
    return info


def _milliseconds(info: RetryInfo) -> int:
    return max(0, info.retry_delay.ToMilliseconds())


def _details(serialized: bytes | None) -> dict[type[Any], Any]:
    """Unpack the details that are understood here, the first of each kind."""
    if not serialized:
        return {}
    found: dict[type[Any], Any] = {}
    try:
        packed = Status.FromString(serialized).details
        for kind in (errors_pb2.Refusal, ErrorInfo, RetryInfo):
            for each in packed:
                if each.Is(kind.DESCRIPTOR):
                    message = kind()
                    each.Unpack(message)
                    found.setdefault(kind, message)
    except (DecodeError, ValueError):  # as protobuf's implementations have it
        return {}
    return found
