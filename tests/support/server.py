"""A real service in this process, on loopback with mTLS, for tests.

    with running_server(tmp_path) as server:
        profile = server.profile("agent/planner")          # a path, as the SDK takes it
        with server.channel("agent/planner") as channel: …  # a blocking gRPC channel

Ids are paths of SPIFFE IDs of the trust domain `test.example`. Whoever is not listed in `identities` may
do what agents, orchestrators and tools do, for any audience; `developer` may do everything.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import grpc

from delegation.app import Application, build
from delegation.app.key_files import system_ms
from delegation.server.config import ServerConfig, load_config

T = TypeVar("T")
TRUST_DOMAIN = "test.example"
DEVELOPER = "developer"


def spiffe_id(path: str) -> str:
    """`agent/planner` -> `spiffe://test.example/agent/planner`."""
    return path if path.startswith("spiffe://") else f"spiffe://{TRUST_DOMAIN}/{path}"


def identity(path: str, *roles: str, **further: Any) -> dict[str, Any]:
    """One entry of `identities`: `identity("tool/files", "tool", audiences=["files"])`."""
    return {"id": spiffe_id(path), "owner": "tests", "roles": list(roles), **further}


@dataclass
class RunningServer:
    """A service that listens."""

    application: Application
    loop: asyncio.AbstractEventLoop
    directory: Path

    @property
    def target(self) -> str:
        return self.application.target

    @property
    def trust_root(self) -> bytes:
        return self.application.trust_root

    def profile(self, path: str = DEVELOPER) -> Path:
        """Give an identity its profile file."""
        return self.application.issue_profile(spiffe_id(path))

    def credentials(self, path: str = DEVELOPER) -> grpc.ChannelCredentials:
        profile = self.profile(path)
        values = tomllib.loads(profile.read_text())
        ca, key, certificate = ((profile.parent / values[name]).read_bytes() for name in ("ca", "key", "certificate"))
        return grpc.ssl_channel_credentials(ca, key, certificate)

    @contextmanager
    def channel(self, path: str = DEVELOPER) -> Iterator[grpc.Channel]:
        """Open a blocking channel as this identity."""
        with grpc.secure_channel(self.target, self.credentials(path), options=self.channel_options) as channel:
            yield channel

    def aio_channel(self, path: str = DEVELOPER) -> grpc.aio.Channel:
        """Open an asyncio channel as this identity; `async with` closes it."""
        return grpc.aio.secure_channel(self.target, self.credentials(path), options=self.channel_options)

    @property
    def channel_options(self) -> list[tuple[str, Any]]:
        # Each identity its own connection, not one that another test has opened to a port of that number.
        return [("grpc.use_local_subchannel_pool", 1)]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's own loop, to look at or wait for its inside."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


def dev_config(directory: Path, *, identities: Sequence[Mapping[str, Any]] = (), **given: Any) -> ServerConfig:
    """Configure a development service whose state is in `directory`."""
    values: dict[str, Any] = {"listen": "127.0.0.1:0", "trust_domain": TRUST_DOMAIN, "limits": {"drain_ms": 2_000}}
    return load_config(
        None, **{**values, "dev": True, "state_dir": directory, "identities": tuple(identities), **given}
    )


@contextmanager
def running_server(
    directory: Path,
    *,
    identities: Sequence[Mapping[str, Any]] = (),
    now_ms: Callable[[], int] = system_ms,
    **given: Any,
) -> Iterator[RunningServer]:
    """Start a service and stop it in the end; further arguments are those of the configuration.

    `catalogue=path` gives it a catalogue file, `listen="unix:/path"` another address. Start it again on the same
    directory, and everything is found again.
    """
    with running_application(build(dev_config(directory, identities=identities, **given), now_ms=now_ms)) as server:
        yield server


@contextmanager
def running_application(application: Application) -> Iterator[RunningServer]:
    """Start an application that was built, on a loop and thread of its own, and stop it in the end."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="service", daemon=True)
    thread.start()
    server = RunningServer(application, loop, application.config.state_dir)
    try:
        server.run(application.start())
        try:
            yield server
        finally:
            server.run(application.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
