"""The spans of the SDK: what an agent does, what it hands on, what it calls, and what a guard decides.

Names and attributes are those of `delegation.telemetry`; without a listener all of this does nothing. No span carries
a token, a proof, a key or an argument.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from delegation import telemetry
from delegation.core.break_glass import BreakGlass
from delegation.core.chain import TraceIds, VerifiedChain
from delegation.errors import ConfigError, Refused
from delegation.telemetry import Span, SpanIds, names

if TYPE_CHECKING:
    from delegation_sdk.delegation import Delegation

_SERVICE_EXTRA = "pip install 'delegation-chain[service]'"


def invoking(agent: str, *, task_id: bytes | None = None) -> AbstractContextManager[Span]:
    """The span `invoke_agent {agent}`: an agent at work."""
    attributes: dict[str, telemetry.AttributeValue] = {names.OPERATION_NAME: names.INVOKE_AGENT, names.AGENT_ID: agent}
    if task_id is not None:
        attributes |= _task(task_id)
    return telemetry.span(f"{names.INVOKE_AGENT} {agent}", attributes=attributes)


def delegating(agent: str, task_id: bytes) -> AbstractContextManager[Span]:
    """The span `delegate {agent}`: a handoff. Its ids are signed into the link."""
    attributes = {names.OPERATION_NAME: names.DELEGATE, names.AGENT_ID: agent, **_task(task_id)}
    return telemetry.span(f"{names.DELEGATE} {agent}", attributes=attributes)


def executing(audience: str, tool: str, delegation: Delegation) -> AbstractContextManager[Span]:
    """The span `execute_tool {tool}`: an agent's call of a tool. Its ids are signed into the proof."""
    attributes = {
        names.OPERATION_NAME: names.EXECUTE_TOOL,
        names.TOOL_NAME: tool,
        names.AUDIENCE: audience,
        names.AGENT_ID: delegation.agent,
        names.LINK_ID: delegation.digest.hex(),
        **_task(delegation.task_id),
    }
    return telemetry.span(f"{names.EXECUTE_TOOL} {tool}", kind="client", attributes=attributes)


def authorizing(audience: str, tool: str) -> AbstractContextManager[Span]:
    """The span `authorize {tool}`: a guard's decision."""
    attributes = {names.OPERATION_NAME: names.AUTHORIZE, names.TOOL_NAME: tool, names.AUDIENCE: audience}
    return telemetry.span(f"{names.AUTHORIZE} {tool}", attributes=attributes)


def calling(method: str) -> AbstractContextManager[Span]:
    """The CLIENT span of a unary RPC: `delegation.v1.DelegationService/Grant`."""
    return telemetry.span(method, kind="client", attributes={names.RPC_SYSTEM: "grpc", names.RPC_METHOD: method})


def describe_chain(span: Span, chain: VerifiedChain) -> None:
    """Say whose chain was verified, and link to the signed span of every hop.

    The links make the chain visible even where trace context was lost on the way.
    """
    if not span.recording:
        return
    for name, value in _task(chain.task_id).items():
        span.set(name, value)
    span.set(names.CHAIN_DEPTH, chain.depth)
    span.set(names.LINK_ID, chain.digest.hex())
    span.set(names.LEAF_AGENT, chain.leaf.holder_agent)
    span.set(names.PRINCIPAL, telemetry.principal_hash(chain.principal.issuer, chain.principal.subject))
    for index, signed in enumerate(chain.links):
        if signed.link.trace is not None:
            attributes: dict[str, telemetry.AttributeValue] = {
                names.LINK_INDEX: index,
                names.LINK_ID: signed.link_id.hex(),
                names.AGENT_ID: signed.link.holder_agent,
            }
            span.link(SpanIds(*signed.link.trace), attributes)


def describe_handoff(span: Span, child: Delegation) -> None:
    """Say which link was signed in this span, and whether the service has it."""
    if span.recording:
        span.set(names.LINK_ID, child.digest.hex())
        span.set(names.CHAIN_DEPTH, len(child.links))
        span.set(names.RECORDED, child.recorded)


def describe_decision(
    span: Span, call_id: bytes, refused: Refused | None, *, feed_age_ms: int, observed: bool = False
) -> None:
    """Say what was decided, why not, whether it runs all the same, and how old the revocation feed was."""
    if not span.recording:
        return
    span.set(names.REVOCATION_AGE, feed_age_ms)
    span.set(names.TOOL_CALL_ID, call_id.hex())
    span.set(names.DECISION, names.REFUSED if refused else names.ALLOWED)
    if refused is not None:
        span.set(names.REASON, refused.reason)
        if refused.link_index is not None:
            span.set(names.REASON_LINK, refused.link_index)
        if observed:
            span.set(names.OBSERVED, observed)
        else:
            span.fail(refused.reason)


def describe_order(span: Span, order: BreakGlass) -> None:
    """Say by which break-glass statement the call was let pass, and whose it is."""
    span.set(names.BREAK_GLASS, order.nonce.hex())
    span.set(names.BREAK_GLASS_OPERATOR, order.operator)


def trace_of(span: Span) -> TraceIds | None:
    """The ids of a span as they are signed into links, proofs and records; None if nothing traces."""
    ids = span.ids
    return None if ids is None else TraceIds(*ids)


def current_trace() -> TraceIds | None:
    """The ids of the current span; None if nothing traces."""
    ids = telemetry.current_ids()
    return None if ids is None else TraceIds(*ids)


def configure_from_environment() -> None:
    """Export spans and metrics by OTLP as the standard `OTEL_*` environment variables say.

    For programs of one's own; a library never calls this. Does nothing if `OTEL_SDK_DISABLED` is true.

    Raises:
        ConfigError: The OpenTelemetry SDK is not installed.
    """
    from delegation_sdk import otlp

    try:
        otlp.configure_from_environment()
    except ImportError:
        raise ConfigError(f"exporting telemetry needs the OpenTelemetry SDK: {_SERVICE_EXTRA}") from None


def _task(task_id: bytes) -> dict[str, telemetry.AttributeValue]:
    return {names.TASK_ID: task_id.hex(), names.CONVERSATION_ID: task_id.hex()}
