"""Asking the service for a grant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from delegation.core.chain import TraceIds
from delegation.core.keys import SigningKey
from delegation.core.narrowing import scope_within
from delegation.core.scope import Scope
from delegation.errors import Refused, RequestFailed
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire.delegation import GrantRequest, grant_request_message, read_grant_response
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows.rpc import Flow, Rpc
from delegation_sdk.lifetimes import Lifetime, lifetime_ms
from delegation_sdk.sources import Sources

_METHOD: Final = "delegation.v1.DelegationService/Grant"


@dataclass(frozen=True, slots=True)
class GrantWanted:
    """What a grant shall say.

    Attributes:
        purpose: Why the work is done, in a sentence.
        scope: What it shall permit.
        lifetime_ms: How long it shall live; None: the service's default.
        max_depth: How many handoffs may follow one another; None: the service's default.
        unrecorded_handoffs: Whether handoffs may be made while the service is unreachable.
        principal_token: A token that shows on whose behalf; empty: the caller's own.
        trace: The span in which it is asked for.
    """

    purpose: str
    scope: Scope
    lifetime_ms: int | None = None
    max_depth: int | None = None
    unrecorded_handoffs: bool = False
    principal_token: bytes = field(default=b"", repr=False)
    trace: TraceIds | None = None


def grant_wanted(
    purpose: str,
    scope: Scope,
    *,
    on_behalf_of: str | bytes | None,
    ttl: Lifetime | None,
    max_depth: int | None,
    unrecorded_handoffs: bool,
    trace: TraceIds | None,
) -> GrantWanted:
    """Read what a caller wants. Raises `InvalidRequest` for a lifetime that is none."""
    token = on_behalf_of.encode() if isinstance(on_behalf_of, str) else on_behalf_of or b""
    lifetime = None if ttl is None else lifetime_ms(ttl)
    return GrantWanted(purpose, scope, lifetime, max_depth, unrecorded_handoffs, token, trace)


def grant(wanted: GrantWanted, sources: Sources) -> Flow[Delegation]:
    """Get a grant for a fresh key.

    Raises:
        ScopeGrew, PolicyDenied: The caller may not have this much.
        RequestFailed: The service did not do it, or gave something else.
    """
    key = SigningKey.generate(sources.random)
    request = GrantRequest(
        purpose=wanted.purpose,
        scope=wanted.scope,
        holder_key=key.public,
        lifetime_ms=wanted.lifetime_ms,
        max_depth=wanted.max_depth,
        unrecorded_handoffs=wanted.unrecorded_handoffs,
        principal_token=wanted.principal_token,
        trace=wanted.trace,
        idempotency_key=sources.random(16).hex(),
    )
    answer = yield Rpc(_METHOD, grant_request_message(request), pb.GrantResponse)
    granted = read_grant_response(answer)
    try:
        delegation = Delegation(granted.token, key, sources=sources)
        scope_within(delegation.scope, wanted.scope)
    except Refused as error:
        raise RequestFailed(f"the service gave another grant than was asked for: {error}") from None
    if len(delegation.links) != 1 or delegation.task_id != granted.task_id:
        raise RequestFailed("the service gave another grant than was asked for")
    return delegation
