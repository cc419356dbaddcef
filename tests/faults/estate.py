"""A service as an operator sets it up, in processes that can be killed: keys, certificates, configuration, replicas."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from certificates import now
from delegation.app import create_root_key, create_service_keys, sign_bundle_file
from delegation.errors import ServiceUnavailable
from delegation.identity.dev_ca import DevelopmentCa
from delegation.server.catalogue_file import load_catalogue
from delegation.signing.sealed_file import SealedFiles
from delegation.signing.sealed_format import ScryptCost
from support.caller import Caller

TRUST_DOMAIN: Final = "test.example"
DEADLINE_S: Final = 5
_START_S: Final = 60.0
_PASSPHRASE: Final = b"quite secret"
_CHEAP: Final = ScryptCost(log2_n=10)
"""Keys that open at once: how long a start takes is to be the service's time."""

_IN_TURN_WHO_IS_READY: Final = (
    '{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}'
)
_CONFIGURATION: Final = """
listen = "127.0.0.1:{port}"
trust_domain = "test.example"
state_dir = "."
catalogue = "tools.toml"

[tls]
certificate = "server.pem"
key = "server.key"
client_ca = "ca/ca.pem"

[keys]
passphrase_file = "passphrase"

[limits]
drain_ms = 5000

[feed]
heartbeat_ms = 500

[[identities]]
id = "spiffe://test.example/load"
owner = "tests"
roles = ["agent", "auditor", "operator", "orchestrator", "tool"]
audiences = ["files"]
ceiling = "any"

[database]
{database}
"""


TOOLS: Final = """
[[tool]]
audience = "files"
name = "read"
owner = "tests"
effects = ["read"]
labels = ["internal"]

[[tool]]
audience = "files"
name = "write"
owner = "tests"
effects = ["write"]
labels = ["internal"]
"""


class InsistentCaller(Caller):
    """A caller that waits for an answer for a short time only."""

    def ask(self, method: Any, message: Any, **options: Any) -> Any:
        """Call an RPC, with a deadline that lets one try again soon."""
        return super().ask(method, message, **{"timeout": DEADLINE_S, **options})

    def ask_stream(self, method: Any, messages: Sequence[Any]) -> list[Any]:
        """Do the same with a stream of requests."""
        answers: list[Any] = self.ask(lambda sent, **options: list(method(iter(sent), **options)), messages)
        if len(answers) < len(messages):  # a replica that goes away ends streams before it has read all of them
            raise ServiceUnavailable("a stream ended before everything in it was answered")
        return answers


class Replica:
    """One process of `delegation serve`, on a port that stays its own over restarts.

    Attributes:
        port: where clients find it.
        process: its latest process.
    """

    def __init__(self, directory: Path, name: str, port: int, environment: Mapping[str, str]) -> None:
        self.port = port
        self.process: subprocess.Popen[str] | None = None
        self._directory = directory
        self._name = name
        self._environment = {**os.environ, **environment}

    @property
    def log(self) -> Path:
        """What it writes to stderr, over all its processes."""
        return self._directory / f"{self._name}.log"

    def start(self) -> None:
        """Start it and wait until it listens. Raises `AssertionError` with its last words."""
        line = [sys.executable, "-m", "delegation.cli", "serve", "--config", f"{self._name}.toml"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                line, cwd=self._directory, env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        watchdog = threading.Timer(_START_S, self.process.kill)
        watchdog.start()
        try:
            said = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        self.process.stdout.close()
        if not said.startswith("Serving "):
            self.kill()
        assert said.startswith("Serving "), f"the service did not start: {self.log.read_text()[-500:]}"

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Ask it to end, and give its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process is not None and self.process.poll() is None


class Estate:
    """What all replicas of one service share.

    Args:
        directory: where all of it lies; to be empty.
        database: lines of the configuration's table `database`; by default a SQLite file in the directory.
        catalogue: what `tools.toml` says; by default what tests call.
    """

    def __init__(self, directory: Path, *, database: str | None = None, catalogue: str = TOOLS) -> None:
        self.directory = directory
        self.replicas: list[Replica] = []
        (directory / "tools.toml").write_text(catalogue)
        self._database = f'path = "{directory}/delegation.sqlite3"' if database is None else database
        began = now() - dt.timedelta(hours=1)  # so that a clock that is put back finds everything valid
        ca = DevelopmentCa.create(TRUST_DOMAIN, now=began)
        (directory / "ca").mkdir(mode=0o700)
        ca.write(directory / "ca")
        names = ["127.0.0.1", "localhost"]
        ca.issue(f"spiffe://{TRUST_DOMAIN}/service", now=began, names=names).write(directory, "server")
        ca.issue(f"spiffe://{TRUST_DOMAIN}/load", now=began).write(directory, "client")
        (directory / "passphrase").write_bytes(_PASSPHRASE + b"\n")
        (directory / "passphrase").chmod(0o600)
        create_root_key(directory / "root", _PASSPHRASE, cost=_CHEAP)
        create_service_keys(directory / "keys", _PASSPHRASE, cost=_CHEAP)
        sign_bundle_file(
            directory / "keys",
            root_directory=directory / "root",
            root_passphrase=_PASSPHRASE,
            store=SealedFiles(directory / "keys", lambda: _PASSPHRASE),
            trust_domain=TRUST_DOMAIN,
            catalogue=load_catalogue(directory / "tools.toml"),
            now_ms=lambda: int(began.timestamp() * 1000),
        )

    def replica(
        self, *, database: str | None = None, further: str = "", environment: Mapping[str, str] | None = None
    ) -> Replica:
        """Add a replica; it is not started.

        Args:
            database: its own lines for the table `database`, to reach the same one by another way.
            further: tables of the configuration.
            environment: further variables.
        """
        name, port = f"replica-{len(self.replicas)}", free_port()
        text = _CONFIGURATION.format(port=port, database=self._database if database is None else database)
        (self.directory / f"{name}.toml").write_text(f"{text}\n{further}\n")
        self.replicas.append(Replica(self.directory, name, port, environment or {}))
        return self.replicas[-1]

    @contextmanager
    def connected(self, *ports: int) -> Iterator[InsistentCaller]:
        """Connect as who may do everything, to one address or in turn to several; all replicas by default."""
        ports = ports or tuple(replica.port for replica in self.replicas)
        files = [(self.directory / name).read_bytes() for name in ("ca/ca.pem", "client.key", "client.pem")]
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.ssl_target_name_override", "localhost"),
            ("grpc.service_config", _IN_TURN_WHO_IS_READY),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
            ("grpc.keepalive_time_ms", 2_000),
            ("grpc.keepalive_timeout_ms", 2_000),
            ("grpc.http2.ping_timeout_ms", 2_000),
        ]
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        with grpc.secure_channel(target, grpc.ssl_channel_credentials(*files), options=options) as channel:
            yield InsistentCaller(channel)

    def ready(self, replica: Replica) -> bool:
        """Ask a replica whether it is ready for work, as a load balancer does."""
        with self.connected(replica.port) as caller:
            try:
                answer = HealthStub(caller.channel).Check(HealthCheckRequest(), timeout=DEADLINE_S)
            except grpc.RpcError:
                return False
            return bool(answer.status == HealthCheckResponse.SERVING)

    def profile(self, *ports: int) -> Path:
        """Write the profile of who may do everything, for the SDK: to all replicas, or to these ports."""
        ports = ports or tuple(replica.port for replica in self.replicas)
        path = self.directory / f"profile-{'-'.join(map(str, ports))}.toml"
        root = (self.directory / "root" / "root.pub").read_text().strip()
        target = ",".join(f"127.0.0.1:{port}" for port in ports)
        files = 'ca = "ca/ca.pem"\ncertificate = "client.pem"\nkey = "client.key"\nserver_name = "localhost"'
        path.write_text(f'target = "{target}"\n{files}\ntrust_root = "{root}"\n')
        return path

    def connecting(self, *ports: int) -> Callable[[], AbstractContextManager[Caller]]:
        """Give what connects so."""
        return lambda: self.connected(*ports)

    def close(self) -> None:
        """Kill what still runs."""
        for replica in self.replicas:
            replica.kill()


@contextmanager
def estate(directory: Path, *, database: str | None = None, catalogue: str = TOOLS) -> Iterator[Estate]:
    """Set up a service; its replicas are killed at the end."""
    with contextlib.closing(Estate(directory, database=database, catalogue=catalogue)) as made:
        yield made


def free_port() -> int:
    """Give a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], what: str, *, timeout_s: float = 60.0) -> float:
    """Look again and again until something holds; give how long it took, in seconds. Raises `TimeoutError`."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > timeout_s:
            raise TimeoutError(f"{what} did not happen within {timeout_s:.0f} s")
        time.sleep(0.02)
    return time.monotonic() - began
