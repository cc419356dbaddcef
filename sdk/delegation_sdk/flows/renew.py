"""Having a task's grant renewed, or issued anew for another key."""

from __future__ import annotations

from typing import Any, Final

from delegation.core.chain import TraceIds
from delegation.core.keys import SigningKey
from delegation.core.narrowing import scope_within
from delegation.core.scope import Scope
from delegation.errors import InvalidRequest, Refused, RequestFailed
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire.renewals import (
    ReissueRequest,
    RenewRequest,
    read_replaced,
    reissue_request_message,
    renew_request_message,
)
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows.holder_proof import holder_proof
from delegation_sdk.flows.rpc import Flow, Rpc
from delegation_sdk.lifetimes import Lifetime, lifetime_ms
from delegation_sdk.sources import Sources

_RENEW: Final = "delegation.v1.DelegationService/Renew"
_REISSUE: Final = "delegation.v1.DelegationService/Reissue"


def renew(
    task: Delegation,
    sources: Sources,
    *,
    scope: Scope | None,
    ttl: Lifetime | None,
    on_behalf_of: str | bytes | None,
    trace: TraceIds | None,
) -> Flow[Delegation]:
    """Renew a task's grant, for the holder key that it has; with a token, as its principal has signed in again.

    Returns:
        The new grant. The former one is revoked, and what was handed on from it.

    Raises:
        InvalidRequest: It is no grant, or its holder key is not here.
        ScopeGrew, PolicyDenied, OutsideTime, Revoked, …: The service refuses.
        RequestFailed: The service did not do it, or gave something else.
    """
    if len(task.links) != 1:
        raise InvalidRequest("a task is renewed by the holder of its grant")
    request = RenewRequest(
        task_id=task.task_id,
        proof=holder_proof(task, "renew", task.digest, {"task_id": task.task_id.hex()}, sources),
        scope=scope,
        lifetime_ms=None if ttl is None else lifetime_ms(ttl),
        trace=trace,
        idempotency_key=sources.random(16).hex(),
        principal_token=on_behalf_of.encode() if isinstance(on_behalf_of, str) else on_behalf_of or b"",
    )
    answer = yield Rpc(_RENEW, renew_request_message(request), pb.RenewResponse)
    renewed = _read(answer, task.task_id, task.require_key(), sources)
    try:
        scope_within(renewed.scope, task.scope if scope is None else scope)
    except Refused as error:
        raise RequestFailed(f"the service gave another grant than was asked for: {error}") from None
    return renewed


def reissue(
    task_id: bytes, sources: Sources, *, scope: Scope | None, ttl: Lifetime | None, trace: TraceIds | None
) -> Flow[Delegation]:
    """Have a task's grant issued anew, for a fresh key; raises and returns as `renew` does."""
    key = SigningKey.generate(sources.random)
    request = ReissueRequest(
        task_id=task_id,
        holder_key=key.public,
        scope=scope,
        lifetime_ms=None if ttl is None else lifetime_ms(ttl),
        trace=trace,
        idempotency_key=sources.random(16).hex(),
    )
    answer = yield Rpc(_REISSUE, reissue_request_message(request), pb.ReissueResponse)
    return _read(answer, task_id, key, sources)


def _read(answer: Any, task_id: bytes, key: SigningKey, sources: Sources) -> Delegation:
    try:
        delegation = Delegation(read_replaced(answer).token, key, sources=sources)
    except Refused as error:
        raise RequestFailed(f"the service gave another grant than was asked for: {error}") from None
    if len(delegation.links) != 1 or delegation.task_id != task_id:
        raise RequestFailed("the service gave another grant than was asked for")
    return delegation
