"""A real service in a process of its own, for tests that kill it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from support.caller import Caller
from support.server import TRUST_DOMAIN

_PROGRAM = """
import sys
from delegation.app import serve
from delegation.server.config import load_config

given = {"database": {"url": sys.argv[3]}} if sys.argv[3:] else {}
config = load_config(None, dev=True, state_dir=sys.argv[1], listen="127.0.0.1:0", trust_domain=sys.argv[2], **given)
serve(config, ready=lambda application: print(application.target, flush=True))
"""


class ServiceProcess:
    """One run of the service on a state directory, and on the PostgreSQL database of a URL, if there is one."""

    def __init__(self, state: Path, database: str | None = None) -> None:
        self._state = state
        command = [sys.executable, "-c", _PROGRAM, str(state), TRUST_DOMAIN, *([database] if database else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.target = self.process.stdout.readline().strip()
        assert self.target, "the service did not start"

    def kill(self) -> None:
        """End it as a power cut would: nothing is finished, nothing is flushed."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @contextmanager
    def caller(self) -> Iterator[Caller]:
        """Connect as the developer, who may do everything."""
        profile = tomllib.loads((self._state / "profile.toml").read_text())
        files = [(self._state / profile[name]).read_bytes() for name in ("ca", "key", "certificate")]
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(self.target, grpc.ssl_channel_credentials(*files), options=options) as channel:
            yield Caller(channel)


@contextmanager
def service_process(state: Path, database: str | None = None) -> Iterator[ServiceProcess]:
    """Start a service on a state directory; it is killed in the end if it still runs."""
    process = ServiceProcess(state, database)
    try:
        yield process
    finally:
        process.close()
