"""Calling guarded MCP tools: chain and proof go along in `_meta`.

Works with `mcp.Client` and `mcp.ClientSession`, and with whatever has their `call_tool`; it imports neither.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from delegation.errors import Reason, Refused, refusal
from delegation_sdk.delegation import Delegation

Result_co = TypeVar("Result_co", covariant=True)


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
    **options: Any,
) -> Result_co:
    """Call a guarded tool under a delegation.

    Args:
        session: An `mcp.Client` or `mcp.ClientSession`.
        delegation: Under which the call is made; its holder key must be here.
        audience: Whom the tool speaks for; a guarded server tells it in its capabilities.
        tool: What is called.
        arguments: With what.
        meta: More `_meta`.
        **options: As the session takes them.

    Returns:
        What the session gives; `refusal_in` tells whether it is a denial.

    Raises:
        NotPermitted: ARGUMENTS_INVALID or ARGUMENTS_TOO_LARGE.
        InvalidRequest: The holder key is not here.
    """
    async with delegation.call(audience, tool, arguments) as call:
        return await session.call_tool(tool, call.arguments, meta={**(meta or {}), **call.mcp_meta()}, **options)


def refusal_in(result: Any) -> Refused | None:
    """Give the guard's refusal in a tool's result, or None if it is none."""
    content = getattr(result, "structured_content", None)
    if not getattr(result, "is_error", False) or not isinstance(content, Mapping) or "layer" not in content:
        return None
    try:
        reason = Reason(str(content.get("reason")))
    except ValueError:
        reason = Reason.INTERNAL
    link_index = content.get("link_index")
    words = {name: str(content.get(name) or "") for name in ("field", "parent", "child", "detail")}
    refused = refusal(reason, link_index=link_index if isinstance(link_index, int) else None, **words)
    with suppress(ValueError):
        refused.call_id = bytes.fromhex(str(content.get("call_id") or ""))
    return refused
