"""What this task or thread works under: the current delegation, and on a tool's side the call that was authorized.

Also the door to `carriage`: how a delegation is put into a call and read from one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from delegation_sdk.carriage import (
    CHAIN_HEADER,
    CHAIN_METADATA,
    DIGEST_HEADER,
    DIGEST_METADATA,
    MAX_HEADER_BYTES,
    MAX_METADATA_BYTES,
    META_KEY,
    NOTHING,
    PROOF_HEADER,
    PROOF_METADATA,
    Carriage,
    from_headers,
    from_mcp_meta,
    from_metadata,
    to_headers,
    to_mcp_meta,
    to_metadata,
    without_mcp_meta,
)

if TYPE_CHECKING:
    from delegation_sdk.authorized_call import AuthorizedCall
    from delegation_sdk.delegation import Delegation

__all__ = [
    "CHAIN_HEADER",
    "CHAIN_METADATA",
    "DIGEST_HEADER",
    "DIGEST_METADATA",
    "MAX_HEADER_BYTES",
    "MAX_METADATA_BYTES",
    "META_KEY",
    "NOTHING",
    "PROOF_HEADER",
    "PROOF_METADATA",
    "Carriage",
    "authorized_call",
    "current_delegation",
    "from_headers",
    "from_mcp_meta",
    "from_metadata",
    "received",
    "received_carriage",
    "serving",
    "take_authorized_call",
    "to_headers",
    "to_mcp_meta",
    "to_metadata",
    "without_mcp_meta",
    "working_under",
]

_delegation: Final[ContextVar[Delegation | None]] = ContextVar("delegation", default=None)
_received: Final[ContextVar[Carriage]] = ContextVar("delegation_received", default=NOTHING)
_authorized: Final[ContextVar[AuthorizedCall | None]] = ContextVar("delegation_authorized", default=None)


def current_delegation() -> Delegation | None:
    """The delegation that this context works under, or None."""
    return _delegation.get()


@contextlib.contextmanager
def working_under(delegation: Delegation) -> Iterator[None]:
    """Make a delegation current. Opens no span: `Delegation.work` does both."""
    token = _delegation.set(delegation)
    try:
        yield
    finally:
        _delegation.reset(token)


def received_carriage() -> Carriage:
    """What came with the call that this context serves; `NOTHING` if nothing came."""
    return _received.get()


@contextlib.contextmanager
def received(carriage: Carriage) -> Iterator[None]:
    """Say what came with the call that is served: for those who write framework adapters."""
    token = _received.set(carriage)
    try:
        yield
    finally:
        _received.reset(token)


def authorized_call() -> AuthorizedCall | None:
    """The call that a guard authorized and this context serves, or None."""
    return _authorized.get()


def take_authorized_call(audience: str, tool: str) -> AuthorizedCall | None:
    """Take the call that a framework adapter has authorized for this very tool: once, so that it runs once."""
    call = _authorized.get()
    if call is not None and call.audience == audience and call.tool == tool and call.take():
        return call
    return None


@contextlib.contextmanager
def serving(call: AuthorizedCall) -> Iterator[None]:
    """Say which authorized call is served: for those who write framework adapters."""
    token = _authorized.set(call)
    try:
        yield
    finally:
        _authorized.reset(token)
