"""A Redis of its own for a test, on a Unix socket or a free port of loopback.

Debian's `redis-server`, installed on a machine of one's own if need be. Nothing of the machine's own Redis is touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

_PATIENCE_S = 30
_INSTALL_S = 300


def program() -> str:
    """Give the path of `redis-server`; install it if it is missing and we may, else skip the test."""
    if shutil.which("redis-server") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            pytest.skip("redis-server is not installed, and cannot be without root: apt-get install redis-server")
        quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # install it, do not start it
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "redis-server"]):
            subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_S, env=quietly)
    found = shutil.which("redis-server")
    assert found is not None
    return found


@dataclass
class RedisServer:
    """A Redis that can be stopped and started again.

    Attributes:
        directory: where its socket and its data are.
        options: further ones of the program.
    """

    directory: Path
    options: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"unix://{self.directory / 'redis.sock'}"

    def start(self) -> None:
        """Start it; what it has saved is there again."""
        socket_path = str(self.directory / "redis.sock")
        given = ("--port", "0", "--unixsocket", socket_path, "--dir", str(self.directory), "--save", "")
        self._process = subprocess.Popen([program(), *given, *self.options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _PATIENCE_S
        with closing(self.client()) as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    assert self._process.poll() is None, "redis-server ended"
                    assert time.monotonic() < deadline, "redis-server did not start"
                    time.sleep(0.01)
                else:
                    return

    def stop(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> redis.Redis:
        """Open a client of the test's own."""
        return redis.Redis.from_url(self.url)


@contextmanager
def running_redis(directory: Path, *options: str) -> Iterator[RedisServer]:
    """Run a Redis until the end of the block."""
    server = RedisServer(directory, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """Give a port of loopback that is free now."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
