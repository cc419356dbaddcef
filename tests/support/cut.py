"""A TCP proxy that fails as told: for tests of what a lost connection leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

Judge = Callable[[bytes], str]
"""Says of each piece from the client: `pass`, `drop` (cut before it is sent on), or `cut` (after that)."""


class Proxy:
    """Passes on what clients and a server say to each other.

    Attributes:
        port: where it listens, on loopback.
        judge: what is to happen; replaced at will.
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._open: set[asyncio.StreamWriter] = set()
        self._silent = asyncio.Event()
        self._silent.set()
        self.judge: Judge = lambda _: "pass"
        self.port = 0

    def cut(self) -> None:
        """Reset all connections."""
        for writer in list(self._open):
            writer.transport.abort()

    @property
    def is_silent(self) -> bool:
        """Whether it is held."""
        return not self._silent.is_set()

    def hold(self) -> None:
        """Be silent: connections stay open, and nothing is passed on."""
        self._silent.clear()

    def resume(self) -> None:
        """Pass on again what is said."""
        self._silent.set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        try:
            there, back = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, back}
        await asyncio.gather(self._ask(reader, back, writer), self._answer(there, writer))
        self._open -= {writer, back}
        writer.transport.abort()
        back.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                await self._silent.wait()
                what = self.judge(piece)
                if what != "drop":
                    to.write(piece)
                    await to.drain()
                if what != "pass":
                    client.transport.abort()
                    if what == "cut":
                        to.write_eof()  # what was said before is still read and done
                    return
        to.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                await self._silent.wait()
                to.write(piece)
                await to.drain()
        to.transport.abort()


@contextlib.asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a port of this machine."""
    proxy = Proxy("127.0.0.1", port)
    server = await asyncio.start_server(proxy.take, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.resume()
        proxy.cut()
