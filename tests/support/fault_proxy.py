"""A TCP proxy that can fail: between a client and a server it stands for the network.

with fault_proxy("127.0.0.1", port) as proxy:
    …                      # connect to proxy.port
    proxy.cut()            # nothing gets through any more, in either direction; nobody is told
    proxy.heal()
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class FaultProxy:
    """Passes bytes on, or keeps them; connections stay open while the network is cut, as with a real one.

    Attributes:
        port: where to connect to.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self._upstream = (host, port)
        self._loop = asyncio.new_event_loop()
        self._passes = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._passes.set()
        self._server = self._on_loop(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Let nothing through, in either direction; new connections are taken and hear nothing, either."""
        self._loop.call_soon_threadsafe(self._passes.clear)

    def heal(self) -> None:
        """Let everything through again, what was kept included."""
        self._loop.call_soon_threadsafe(self._passes.set)

    def close(self) -> None:
        """End all connections."""
        self._on_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_loop(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._passes.wait()
            try:
                up_reader, up_writer = await asyncio.open_connection(*self._upstream)
            except OSError:
                return
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, up_writer))
                    both.create_task(self._pump(up_reader, writer))
            finally:
                up_writer.transport.abort()
        except* OSError:
            pass  # one side has hung up, and so does the other
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._passes.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # one direction's end is the connection's


@contextmanager
def fault_proxy(host: str, port: int) -> Iterator[FaultProxy]:
    """Run a proxy to an address."""
    with contextlib.closing(FaultProxy(host, port)) as proxy:
        proxy.start()
        yield proxy
