"""Handing authority on: the delegator signs, the service records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from delegation.core import limits
from delegation.core.chain import TraceIds
from delegation.core.codec import add_statements, join_token
from delegation.core.keys import SigningKey
from delegation.core.mint import sign_handoff
from delegation.core.scope import Scope
from delegation.core.statement import Offer, SignedStatement, StatementKind
from delegation.errors import Reason, RequestFailed, ServiceUnavailable, refusal
from delegation.v1 import delegation_service_pb2 as pb
from delegation.wire.delegation import HandOffRequest, hand_off_request_message, read_hand_off_response
from delegation_sdk.delegation import Delegation
from delegation_sdk.flows.rpc import Flow, Rpc
from delegation_sdk.lifetimes import Lifetime, lifetime_ms
from delegation_sdk.sources import Sources

_METHOD: Final = "delegation.v1.DelegationService/HandOff"


@dataclass(frozen=True, slots=True)
class HandOffWanted:
    """What a handoff shall say.

    Attributes:
        agent: The agent id that receives.
        scope: What it may do; None: all that the delegator may.
        lifetime_ms: How long; None: 5 minutes, or what is left of the delegator's own time if that is less.
        purpose: Why, as an annotation; the grant's purpose stands for the whole task.
        max_depth: How many further handoffs may follow; None: one less than the delegator has.
        offer: The receiving agent's offer; None: it runs in this process, with a key made here.
        trace: The span of the handoff; signed into the link.
    """

    agent: str
    scope: Scope | None = None
    lifetime_ms: int | None = None
    purpose: str = ""
    max_depth: int | None = None
    offer: Offer | None = None
    trace: TraceIds | None = None


def hand_off_wanted(
    agent: str,
    scope: Scope | None,
    *,
    ttl: Lifetime | None,
    purpose: str,
    max_depth: int | None,
    offer: Offer | None,
    trace: TraceIds | None,
) -> HandOffWanted:
    """Read what a caller wants. Raises `InvalidRequest` for a lifetime that is none."""
    lifetime = None if ttl is None else lifetime_ms(ttl)
    return HandOffWanted(agent, scope, lifetime, purpose, max_depth, offer, trace)


def hand_off(parent: Delegation, wanted: HandOffWanted, sources: Sources) -> Flow[Delegation]:
    """Sign a narrower link and have it recorded.

    Where the grant allows it and the service cannot be reached, the result has no receipt and `recorded` is False.

    Raises:
        ScopeGrew: It asks for more than the delegator has; the field is named.
        BadStatement: OFFER_INVALID.
        PolicyDenied, Revoked, …: The service refuses.
        ServiceUnavailable: It cannot be reached, and the grant wants handoffs recorded.
    """
    child = _sign(parent, wanted, sources)
    try:
        return (yield from record(child, sources))
    except ServiceUnavailable:
        if parent.grant.unrecorded_handoffs:
            return child
        raise


def record(delegation: Delegation, sources: Sources) -> Flow[Delegation]:
    """Have a handoff recorded.

    Returns:
        The delegation with the service's receipt.

    Raises:
        PolicyDenied, Revoked, …: The service refuses the handoff.
        RequestFailed: The service did not do it, or gave a receipt for something else.
    """
    key = delegation.require_key() if delegation.holds_key else None
    request = HandOffRequest((delegation.token,), idempotency_key=sources.random(16).hex())
    answer = yield Rpc(_METHOD, hand_off_request_message(request), pb.HandOffResponse)
    recorded = read_hand_off_response(answer)
    if len(recorded) != 1 or recorded[0].link_id != delegation.digest:
        raise RequestFailed("the service recorded another handoff than was sent")
    statements = [each for each in (recorded[0].receipt, recorded[0].binding) if each is not None]
    return Delegation(add_statements(delegation.token, statements), key, sources=sources)


def _sign(parent: Delegation, wanted: HandOffWanted, sources: Sources) -> Delegation:
    now_ms = sources.now_ms()
    child_key: SigningKey | None = None
    if wanted.offer is not None:
        _check_offer(wanted.offer, wanted.agent, parent.agent, now_ms)
        holder_key = wanted.offer.holder_key
    else:
        child_key = SigningKey.generate(sources.random)
        holder_key = child_key.public
    signed = sign_handoff(
        parent.links[-1],
        parent.require_key(),
        holder_key=holder_key,
        holder_agent=wanted.agent,
        scope=parent.scope if wanted.scope is None else wanted.scope,
        purpose=wanted.purpose,
        now_ms=now_ms,
        expires_at_ms=_expiry_ms(parent, wanted.lifetime_ms, now_ms),
        remaining_depth=wanted.max_depth,
        nonce=sources.random(limits.NONCE_BYTES),
        trace=wanted.trace,
    )
    token = join_token((*parent.links, signed), _bindings(parent.chain.statements))
    return Delegation(token, child_key, recorded=False, sources=sources)


def _expiry_ms(parent: Delegation, lifetime_ms: int | None, now_ms: int) -> int:
    if lifetime_ms is not None:
        return now_ms + lifetime_ms  # if that is too long, narrowing says so
    return min(now_ms + limits.DEFAULT_HANDOFF_LIFETIME_MS, parent.expires_at_ms)


def _bindings(statements: Iterable[SignedStatement]) -> list[SignedStatement]:
    """Take along what vouches for the agents before; the new link's receipt covers the old receipts."""
    return [statement for statement in statements if statement.kind is StatementKind.BINDING]


def _check_offer(offer: Offer, agent: str, delegator: str, now_ms: int) -> None:
    if offer.agent != agent:
        raise refusal(Reason.OFFER_INVALID, detail="it is another agent's")
    if offer.audience not in ("", delegator):
        raise refusal(Reason.OFFER_INVALID, detail="it is for another delegator")
    if now_ms >= offer.expires_at_ms:
        raise refusal(Reason.OFFER_INVALID, detail="it has expired")
