"""The processes that are measured: the real service, and the bare echo beside it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
from measure import MeasurementFailedError

from delegation_sdk.profile import Profile

HERE: Final = Path(__file__).parent
SCRATCH: Final = HERE.parents[1] / "build" / "bench"
"""On the disk of the project: what is durable must really be written."""

OPTIONS: Final[Sequence[tuple[str, Any]]] = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
)
_START_S: Final = 20.0
_STOP_S: Final = 15.0
LABELLED_AUDIENCE: Final = "reports"
PERSONAL_TOOL: Final = "read_customer"
_CATALOGUE: Final = f"""
[[tool]]
audience = "files"
name = "read_file"
owner = "benchmarks"
effects = ["read"]
labels = ["public"]
local = true

[[tool]]
audience = "{LABELLED_AUDIENCE}"
name = "read_file"
owner = "benchmarks"
effects = ["read", "external"]
labels = ["internal"]

[[tool]]
audience = "{LABELLED_AUDIENCE}"
name = "{PERSONAL_TOOL}"
owner = "benchmarks"
effects = ["read"]
labels = ["personal"]
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A service in a process of its own, with its development profile.

    Attributes:
        pid: its process.
        state: its state directory.
    """

    pid: int
    state: Path

    @property
    def profile(self) -> Path:
        """The profile of somebody who may do everything."""
        return self.state / "profile.toml"

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        """That profile's mutual TLS."""
        profile = Profile.load(self.profile)
        return grpc.ssl_channel_credentials(
            profile.ca.read_bytes(), profile.key.read_bytes(), profile.certificate.read_bytes()
        )

    def channel(self) -> grpc.Channel:
        """Open a blocking channel."""
        return grpc.secure_channel(Profile.load(self.profile).target, self.credentials, options=OPTIONS)

    def aio_channel(self) -> grpc.aio.Channel:
        """Open an asyncio channel, with a connection of its own."""
        return grpc.aio.secure_channel(Profile.load(self.profile).target, self.credentials, options=OPTIONS)


@dataclass(frozen=True, slots=True)
class Echo:
    """The echo in a process of its own."""

    pid: int
    plain_port: int
    secure_port: int

    def plain_channel(self) -> grpc.aio.Channel:
        """Open a channel without TLS."""
        return grpc.aio.insecure_channel(f"127.0.0.1:{self.plain_port}", options=OPTIONS)

    def secure_channel(self, credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
        """Open a channel with the service's mutual TLS."""
        return grpc.aio.secure_channel(f"127.0.0.1:{self.secure_port}", credentials, options=OPTIONS)


@contextlib.contextmanager
def running_service(database: str | None = None, *, beside: Service | None = None) -> Iterator[Service]:
    """Run `delegation serve --dev`.

    Args:
        database: the URL of a PostgreSQL database; by default an empty SQLite file.
        beside: who serves the same database already: this is one more replica, with copies of its keys.
    """
    SCRATCH.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as directory:
        state = Path(directory)
        if beside is not None:
            for kept in ("ca", "keys"):
                shutil.copytree(beside.state / kept, state / kept)
        (state / "tools.toml").write_text(_CATALOGUE)
        url = f'[database]\nurl = "{database}"\n' if database else ""
        (state / "service.toml").write_text('catalogue = "tools.toml"\n' + url)
        command = [sys.executable, "-m", "delegation.cli", "serve", "--dev", "--config", str(state / "service.toml")]
        with _process([*command, "--state-dir", str(state), "--listen", "127.0.0.1:0"], state) as process:
            _until_there(state / "profile.toml", process, state)
            yield Service(process.pid, state)


@contextlib.contextmanager
def running_echo(service: Service) -> Iterator[Echo]:
    """Run the echo with the service's certificates."""
    command = [sys.executable, str(HERE / "echo_server.py"), str(service.state)]
    with _process(command, service.state, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ports = process.stdout.readline().split()
        if len(ports) != 2:
            raise MeasurementFailedError(f"the echo did not start: {_last_words(service.state)}")
        yield Echo(process.pid, int(ports[0]), int(ports[1]))


@contextlib.contextmanager
def _process(command: Sequence[str], state: Path, *, stdout: int = subprocess.DEVNULL) -> Iterator[Any]:
    with (state / "stderr.txt").open("ab") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _until_there(path: Path, process: Any, state: Path) -> None:
    """Wait for the file that the service writes once it listens."""
    deadline = time.monotonic() + _START_S
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise MeasurementFailedError(f"the service did not start: {_last_words(state)}")
        time.sleep(0.02)


def _last_words(state: Path) -> str:
    return "".join((state / "stderr.txt").read_text().splitlines()[-1:])
