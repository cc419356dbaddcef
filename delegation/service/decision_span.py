"""What the span of a decision says: the chain as span links, and the decision. Never an argument."""

from __future__ import annotations

from delegation.core.chain import VerifiedChain
from delegation.errors import Refused
from delegation.telemetry import Attributes, Span, SpanIds, names, principal_hash


def describe(
    span: Span,
    audience: str,
    tool: str,
    chain: VerifiedChain | None,
    refused: Refused | None,
    *,
    observed: bool = False,
) -> None:
    """Set the attributes of an `authorize` span, and one link for each hop to its signed handoff span."""
    span.set(names.AUDIENCE, audience)
    span.set(names.TOOL_NAME, tool)
    span.set(names.DECISION, names.REFUSED if refused else names.ALLOWED)
    if refused is not None:
        span.set(names.REASON, str(refused.reason))
        if refused.link_index is not None:
            span.set(names.REASON_LINK, refused.link_index)
        if observed:
            span.set(names.OBSERVED, observed)
    if chain is None:
        return
    span.set(names.TASK_ID, chain.task_id.hex())
    span.set(names.LINK_ID, chain.digest.hex())
    span.set(names.CHAIN_DEPTH, chain.depth)
    span.set(names.LEAF_AGENT, chain.leaf.holder_agent)
    span.set(names.PRINCIPAL, principal_hash(chain.principal.issuer, chain.principal.subject))
    for index, signed in enumerate(chain.links):
        if signed.link.trace is not None:
            attributes: Attributes = {names.LINK_INDEX: index, names.LINK_ID: signed.link_id.hex()}
            span.link(SpanIds(*signed.link.trace), attributes)
