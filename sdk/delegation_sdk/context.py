"""What this task or thread works under: the current delegation, and on a tool's side the call that is served.

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
    from delegation_sdk.observed_call import ObservedCall
    from delegation_sdk.served_call import ServedCall

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
    "served_call",
    "serving",
    "take_served_call",
    "to_headers",
    "to_mcp_meta",
    "to_metadata",
    "without_mcp_meta",
    "working_under",
]

_delegation: Final[ContextVar[Delegation | None]] = ContextVar("delegation", default=None)
_received: Final[ContextVar[Carriage]] = ContextVar("delegation_received", default=NOTHING)
_served: Final[ContextVar[AuthorizedCall | ObservedCall | None]] = ContextVar("delegation_served", default=None)


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


def served_call() -> AuthorizedCall | ObservedCall | None:
    """The call that a guard has let run and this context serves, or None; only an `AuthorizedCall` was permitted."""
    return _served.get()


def authorized_call() -> AuthorizedCall | None:
    """The call that a guard authorized and this context serves, or None; None also for one that is only observed."""
    call = _served.get()
    return None if call is None or call.observed is not None else call


def take_served_call(audience: str, tool: str) -> ServedCall | None:
    """Take the call that a framework adapter has had decided for this very tool: once, so that it runs once."""
    call = _served.get()
    if call is not None and call.audience == audience and call.tool == tool and call.take():
        return call
    return None


@contextlib.contextmanager
def serving(call: AuthorizedCall | ObservedCall) -> Iterator[None]:
    """Say which call is served, as a guard gave it: for those who write framework adapters."""
    token = _served.set(call)
    try:
        yield
    finally:
        _served.reset(token)
