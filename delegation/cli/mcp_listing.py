"""The tools of a live MCP server, as it lists them: over standard input and output, or HTTP. Needs the extra `mcp`.

Nothing is called. The server is somebody else's: there is one deadline for all of it, and a cap on everything.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from delegation.core.names import is_name
from delegation.errors import ConfigError, DelegationError, Refused, ServiceUnavailable
from delegation.server.catalogue_import import LiveTool
from delegation_sdk.mcp_manifest import digest_of_listed, hints_of_listed

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import Tool

_MOST_TOOLS: Final = 2_000
_MOST_PAGES: Final = 200
_MOST_BYTES: Final = 32 * 1024 * 1024
"""Of all of a server's answers over HTTP."""


def live_tools(target: Sequence[str], deadline_s: float) -> tuple[LiveTool, ...]:
    """List a server's tools.

    Args:
        target: an http or https URL, or a command with its arguments.
        deadline_s: seconds for all of it.

    Raises:
        ConfigError: the MCP SDK is not installed.
        ServiceUnavailable: the server cannot be reached, or does not answer in time or as it should.
    """
    try:
        import anyio
        import mcp  # noqa: F401 - to know that it is there
    except ImportError:
        raise ConfigError("this needs the MCP SDK: pip install 'delegation-chain[mcp]'") from None
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as unread:
            return anyio.run(_listed, tuple(target), deadline_s, unread)
    except DelegationError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the server did; its words are not shown
        raise ServiceUnavailable(f"the MCP server did not list its tools: {_kind(error)}") from None


def _kind(error: BaseException) -> str:
    """Name what failed: of what several tasks failed of together, the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__


async def _listed(target: Sequence[str], deadline_s: float, unread: TextIO) -> tuple[LiveTool, ...]:
    import anyio

    with anyio.fail_after(deadline_s):
        async with _session(target, deadline_s, unread) as session:
            return _distinct([_live(tool) async for tool in _pages(session)])


@asynccontextmanager
async def _session(target: Sequence[str], deadline_s: float, unread: TextIO) -> AsyncIterator[Client]:
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    first, *arguments = target
    if not _is_url(first):  # in the SDK's small environment; what it writes to its standard error is for nobody
        async with Client(stdio_client(StdioServerParameters(command=first, args=arguments), errlog=unread)) as session:
            yield session
        return
    from mcp.client.streamable_http import streamable_http_client

    async with (
        _http_client(deadline_s) as client,
        Client(streamable_http_client(first, http_client=client)) as session,
    ):
        yield session


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _http_client(deadline_s: float) -> Any:
    """Make an HTTP client that follows no redirect, heeds no proxy of the environment, and reads only so much."""
    import httpx2

    read = 0

    async def count(response: httpx2.Response) -> None:
        nonlocal read
        if response.is_redirect:
            raise ServiceUnavailable("the MCP server redirects: give the address that it redirects to")
        stream = response.stream

        async def counted() -> AsyncIterator[bytes]:
            nonlocal read
            async for piece in stream:  # type: ignore[union-attr]  # an asynchronous client's
                read += len(piece)
                if read > _MOST_BYTES:
                    raise ServiceUnavailable("the MCP server's answers are too large")
                yield piece

        response.stream = _Stream(counted(), stream)

    class _Stream(httpx2.AsyncByteStream):
        def __init__(self, pieces: AsyncIterator[bytes], inner: Any) -> None:
            self._pieces = pieces
            self._inner = inner

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self._pieces

        async def aclose(self) -> None:
            await self._inner.aclose()

    return httpx2.AsyncClient(timeout=deadline_s, trust_env=False, event_hooks={"response": [count]})


async def _pages(session: Client) -> AsyncIterator[Tool]:
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await session.list_tools(cursor=cursor)
        for tool in page.tools:
            yield tool
        cursor = page.next_cursor
        if not cursor:
            return
    raise ServiceUnavailable("the MCP server lists its tools without an end")


def _live(tool: Tool) -> LiveTool:
    if not is_name(tool.name):
        raise ServiceUnavailable("the MCP server lists a tool whose name is empty, too long, or cannot be printed")
    try:
        digest = digest_of_listed(tool)
    except Refused:
        raise ServiceUnavailable(f"what the MCP server says of {tool.name} is too large, or no plain JSON") from None
    return LiveTool(tool.name, hints_of_listed(tool), digest)


def _distinct(tools: Sequence[LiveTool]) -> tuple[LiveTool, ...]:
    if len(tools) > _MOST_TOOLS:
        raise ServiceUnavailable(f"the MCP server lists more than {_MOST_TOOLS} tools")
    if len({tool.name for tool in tools}) < len(tools):
        raise ServiceUnavailable("the MCP server lists two tools under one name")
    return tuple(sorted(tools, key=lambda tool: tool.name))
