"""Calling a guarded MCP server's tools: what an agent needs around its model, in a few lines."""

from __future__ import annotations

from typing import Any

from mcp import Client
from mcp_types import CallToolResult

from delegation_sdk import Delegation
from delegation_sdk.context import Carriage, to_mcp_meta
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in


class Tools:
    """The tools of one audience, over an open MCP session."""

    def __init__(self, session: Client, audience: str) -> None:
        self._session = session
        self._audience = audience

    async def call(self, delegation: Delegation, tool: str, arguments: dict[str, Any]) -> Any:
        """Call a tool under a delegation.

        Raises:
            Refused: By the tool's guard.
        """
        return _value(await call_tool(self._session, delegation, self._audience, tool, arguments))

    async def send(self, tool: str, arguments: dict[str, Any], carriage: Carriage) -> Any:
        """Call a tool with any chain and proof whatsoever, as one who forges them does.

        Raises:
            Refused: By the tool's guard.
        """
        return _value(await self._session.call_tool(tool, arguments, meta=to_mcp_meta(carriage)))


def _value(result: CallToolResult) -> Any:
    if refused := refusal_in(result):
        raise refused
    if result.is_error:
        raise RuntimeError(f"the tool failed: {result.content}")
    return result.structured_content["result"]
