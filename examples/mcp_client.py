"""Calling a guarded MCP server over stdio: chain and proof go along in `_meta`, and the guard's refusal comes back."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mcp import Client as McpClient
from mcp import StdioServerParameters

from delegation_sdk import AsyncClient, Scope, between, one_of, optional, tool
from delegation_sdk.integrations.mcp_client import call_tool, refusal_in
from local_service import local_service

SCOPE = Scope(tool("weather", "forecast", city=one_of("Oslo", "Turin"), days=optional(between(1, 3))))
SERVER = Path(__file__).with_name("mcp_server.py")


async def use(server: StdioServerParameters, profile: Path) -> None:
    async with (
        McpClient(server) as session,
        AsyncClient.connect(profile) as client,
        client.task("Pack for the trip", scope=SCOPE) as task,
    ):
        result = await call_tool(session, task, "weather", "forecast", {"city": "Oslo"})
        print(result.structured_content["result"])
        assert refusal_in(result) is None
        assert result.structured_content == {"result": "Oslo: clear for 1 day(s)"}

        result = await call_tool(session, task, "weather", "forecast", {"city": "Oslo", "days": 14})
        refused = refusal_in(result)
        print(result.content[0].text)
        assert (refused.reason, refused.link_index, refused.field) == ("argument_refused", 0, "forecast.days")

        result = await session.call_tool("forecast", {"city": "Oslo"})  # as a client that knows of nothing
        print(result.content[0].text)
        assert refusal_in(result).reason == "chain_missing"


def main() -> None:
    with local_service() as service:
        environment = os.environ | {"DELEGATION_PROFILE": str(service.profile("tool/weather"))}
        server = StdioServerParameters(command=sys.executable, args=[str(SERVER)], env=environment)
        asyncio.run(use(server, service.profile("agent/planner")))


if __name__ == "__main__":
    main()
