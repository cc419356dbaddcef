"""Calling guarded MCP tools: chain and proof go along in `_meta`. In a session, a chain is sent once.

Works with `mcp.Client` and `mcp.ClientSession`, and with whatever has their `call_tool`; it imports neither.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, Generic, Protocol, TypeVar

from delegation.errors import InvalidRequest, Reason, Refused
from delegation_sdk import refusal_json
from delegation_sdk.aio import AsyncConnectedDelegation
from delegation_sdk.call import Call
from delegation_sdk.carriage import Carriage, to_mcp_meta
from delegation_sdk.delegation import Delegation
from delegation_sdk.lifetimes import Lifetime, lifetime_ms
from delegation_sdk.mcp_approval import waits
from delegation_sdk.observed_answer import reason_in_mcp_meta
from delegation_sdk.peer import Peer

Result_co = TypeVar("Result_co", covariant=True)

# By id, since `mcp.Client` compares by value and cannot be a key. An entry goes with its session, before its id is
# another's.
_peers: Final[dict[int, Peer]] = {}


class ToolCaller(Protocol[Result_co]):
    """An MCP client or session."""

    # Not a method: one with `**options` asks for more than any real client's.
    @property
    def call_tool(self) -> Callable[..., Awaitable[Result_co]]:
        """Call a tool: its name and arguments, and `meta`."""


async def call_tool(
    session: ToolCaller[Result_co],
    delegation: Delegation,
    audience: str,
    tool: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    meta: Mapping[str, Any] | None = None,
    wait_for_approval: Lifetime | None = None,
    **options: Any,
) -> Result_co:
    """Call a guarded tool under a delegation.

    The chain is sent once in a session, and its digest from then on; a server that does not find it is sent it again.

    Args:
        session: An `mcp.Client` or `mcp.ClientSession`.
        delegation: Under which the call is made; its holder key must be here.
        audience: Whom the tool speaks for; a guarded server tells it in its capabilities.
        tool: What is called.
        arguments: With what.
        meta: More `_meta`.
        wait_for_approval: How long to wait, "2m", for people to consent to the call, if it needs that; the delegation
            must then be one of an `AsyncClient`. None: not at all. If the guard names a request all the same, which
            waits for what was not known before, that is waited for, too, and the call sent once more, signed anew.
        **options: As the session takes them.

    Returns:
        What the session gives; `refusal_in` tells whether it is a denial.

    Raises:
        NotPermitted: ARGUMENTS_INVALID or ARGUMENTS_TOO_LARGE.
        InvalidRequest: The holder key is not here, or the delegation cannot wait.
        ConditionUnmet: APPROVAL_REQUIRED: it was refused, or nobody has answered in time.
    """
    until_s = time.monotonic() + (lifetime_ms(wait_for_approval) / 1000 if wait_for_approval is not None else 0)
    # This client asks no person: a server shall not have the session do that, with a proof that is used up by then.
    sent = _Sending(session, {refusal_json.REFUSALS_KEY: refusal_json.AS_RESULT, **(meta or {})}, options)
    result = await sent(_call(delegation, audience, tool, arguments, wait_for_approval))
    refused = refusal_in(result)
    if not isinstance(delegation, AsyncConnectedDelegation) or wait_for_approval is None:
        return result
    if refused is None or not waits(refused):
        return result
    left = timedelta(seconds=max(0.001, until_s - time.monotonic()))
    await delegation.approvals.wait_for(refused.approval_request_id, timeout=left)
    return await sent(Delegation.call(delegation, audience, tool, arguments))


class _Sending(Generic[Result_co]):
    """Sends calls in a session: the chain where it is not known there, else its digest."""

    def __init__(self, session: ToolCaller[Result_co], meta: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self._session = session
        self._peer = _peer_of(session)
        self._meta = meta
        self._options = options

    async def __call__(self, call: Call) -> Result_co:
        async with call:
            if self._peer.knows(call):
                result = await self._once(call, call.reference)
                if not self._peer.missed(call, refusal_in(result)):
                    return result
            result = await self._once(call, call.carriage)
            if refusal_in(result) is None:
                self._peer.was_sent(call)
            return result

    async def _once(self, call: Call, carriage: Carriage) -> Result_co:
        meta = {**self._meta, **to_mcp_meta(carriage)}
        return await self._session.call_tool(call.tool, call.arguments, meta=meta, **self._options)


def _call(
    delegation: Delegation,
    audience: str,
    tool: str,
    arguments: Mapping[str, Any] | None,
    wait_for_approval: Lifetime | None,
) -> Call:
    if wait_for_approval is None:
        return delegation.call(audience, tool, arguments)
    if not isinstance(delegation, AsyncConnectedDelegation):
        raise InvalidRequest("only a delegation of an AsyncClient can wait for approval here")
    return delegation.call(audience, tool, arguments, wait_for_approval=wait_for_approval)


def refusal_in(result: Any) -> Refused | None:
    """Give the guard's refusal in a tool's result, or None if it is none.

    So it does of an `InputRequiredResult`, which sessions give with `allow_input_required` to whoever lets them ask.
    """
    if getattr(result, "result_type", None) == "input_required":
        return refusal_json.from_json((getattr(result, "meta", None) or {}).get(refusal_json.META_KEY))
    if not getattr(result, "is_error", False):
        return None
    return refusal_json.from_json(getattr(result, "structured_content", None))


def observed_in(result: Any) -> Reason | None:
    """Give the reason why the call would have been refused that a tool's result is of; None if it was permitted.

    It ran since its tool is under observation. What its server says here is not signed.
    """
    return reason_in_mcp_meta(getattr(result, "meta", None))


def _peer_of(session: object) -> Peer:
    """Give what is remembered of the server behind a session, for as long as the session lives."""
    key = id(session)
    peer = _peers.get(key)
    if peer is None:
        peer = Peer()
        with suppress(TypeError):  # what cannot be seen to end is not remembered: each of its calls has its chain
            weakref.finalize(session, _peers.pop, key, None).atexit = False
            _peers[key] = peer
    return peer
