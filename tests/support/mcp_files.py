"""The MCP server of `tests/integration/mcp_files_server.py` as a process of its own, and sessions with it.

    async with over_stdio(server, directory) as session: …

Its guard is connected to `server`, and its tools work on the files of `directory`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client as McpClient
from mcp.client.stdio import StdioServerParameters

from support.server import RunningServer

PROGRAM = Path(__file__).parent.parent / "integration" / "mcp_files_server.py"


@contextlib.asynccontextmanager
async def over_stdio(server: RunningServer, directory: Path, *options: str, **client: Any) -> AsyncIterator[McpClient]:
    """Start it on standard input and output; further arguments are those of the MCP client."""
    arguments = [str(PROGRAM), *options, str(server.profile("tool/files")), str(directory)]
    # All of the environment, as over HTTP: the same program wherever the packages under test are found.
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
    async with McpClient(parameters, **client) as session:
        yield session


@contextlib.asynccontextmanager
async def over_http(server: RunningServer, directory: Path, *options: str, **client: Any) -> AsyncIterator[McpClient]:
    """Start it on streamable HTTP; further arguments are those of the MCP client."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [str(PROGRAM), *options, str(server.profile("tool/files")), str(directory), str(port)]
    async with await anyio.open_process([sys.executable, *arguments], stderr=None) as process:
        try:
            await _listening(port, process)
            async with McpClient(f"http://127.0.0.1:{port}/mcp", **client) as session:
                yield session
        finally:
            process.terminate()


async def _listening(port: int, process: anyio.abc.Process) -> None:
    with anyio.fail_after(30):
        while process.returncode is None:
            with contextlib.suppress(OSError):
                stream = await anyio.connect_tcp("127.0.0.1", port)
                await stream.aclose()
                return
            await anyio.sleep(0.05)  # between attempts: nobody tells when another process listens
    pytest.fail("the server ended before it listened")
