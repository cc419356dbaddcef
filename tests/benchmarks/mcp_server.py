"""An MCP server over stdio with one tool, guarded or not: `mcp_server.py guarded|bare`."""

from __future__ import annotations

import sys

from chains import AUDIENCE, TOOL
from mcp.server.mcpserver import MCPServer


def _read_file(path: str, limit: int, mode: str) -> str:
    return f"{path} {limit} {mode}"


def _server(*, guarded: bool) -> MCPServer:
    if not guarded:
        return MCPServer(AUDIENCE)
    from delegation_sdk.guard import Guard
    from delegation_sdk.integrations.mcp import guarded_server

    return guarded_server(Guard.connect(AUDIENCE))


if __name__ == "__main__":
    server = _server(guarded=sys.argv[1] == "guarded")
    server.tool(name=TOOL)(_read_file)
    server.run()
