"""Who plays: the service, two tool servers, the agents and a trace receiver, each started as it is in production."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.cues import Actor
from demo.narration import Narration, SurpriseError
from demo.otlp_receiver import OtlpReceiver
from demo.processes import Company, Process, company
from demo.service import Service
from demo.wire_tap import WireTap

_HERE = Path(__file__).parent
_PATIENCE_S = 60.0
TRUST_DOMAIN = "acme.example"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that the story needs at hand."""

    narration: Narration
    service: Service
    orchestrator: Actor
    auditor: Actor
    billing: Actor
    receiver: OtlpReceiver
    tap: WireTap
    billing_port: int
    files: Path
    ledger: Path


@contextmanager
def set_up(narration: Narration, home: Path) -> Iterator[Stage]:
    """Start everybody, and end everybody when the block is left, however it is left."""
    files, ledger, logs = home / "files", home / "ledger.sqlite3", home / "logs"
    shutil.copytree(_HERE / "workspace", files)
    logs.mkdir()
    with ExitStack() as stack:
        receiver = stack.enter_context(OtlpReceiver())
        cast = _Cast(stack.enter_context(company(logs)), receiver.port)
        with narration.waiting("starting the service, the tools and the agents"):
            service = Service(cast.company, home / "state", _HERE / "service.toml", cast.environment("service"))
            service.start()
            orchestrator = cast.agent(service, "orchestrator")
            auditor = cast.agent(service, "auditor", *_command("demo.tools.files_server", str(files)))
            port = _free_port()
            server = cast.tool(service, "billing", "demo.tools.billing_server", str(ledger), str(port))
            tap = stack.enter_context(WireTap(port))
            billing = cast.agent(service, "billing", f"http://127.0.0.1:{tap.port}/mcp")
            for actor in (orchestrator, auditor, billing):
                actor.wait_until_ready()
            _wait_for_port(server, port)
        yield Stage(narration, service, orchestrator, auditor, billing, receiver, tap, port, files, ledger)


@dataclass(frozen=True, slots=True)
class _Cast:
    """Starts players, each with its own identity and nobody else's."""

    company: Company
    otlp_port: int

    def environment(self, name: str) -> dict[str, str]:
        """What every process is told."""
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if key in os.environ}
        return kept | {
            "PYTHONPATH": str(_HERE.parent),
            "PYTHONUNBUFFERED": "1",
            "OTEL_SERVICE_NAME": name,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.otlp_port}",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }

    def tool(self, service: Service, name: str, module: str, *arguments: str) -> Process:
        """Start a tool server."""
        profile = service.profile(f"spiffe://{TRUST_DOMAIN}/tool/{name}")
        environment = self.environment(f"{name}-server") | {"DELEGATION_PROFILE": str(profile)}
        return self.company.start(f"{name}-server", _command(module, *arguments), environment)

    def agent(self, service: Service, name: str, *arguments: str) -> Actor:
        """Start an agent."""
        profile = service.profile(f"spiffe://{TRUST_DOMAIN}/agent/{name}")
        environment = self.environment(name) | {"DELEGATION_PROFILE": str(profile)}
        if name == "auditor":  # starts the files server, which has an identity of its own
            environment["FILES_PROFILE"] = str(service.profile(f"spiffe://{TRUST_DOMAIN}/tool/files"))
        command = _command(f"demo.agents.{name}", *arguments)
        return Actor(self.company.start(name, command, environment, ends_with_input=True))


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port: int = chosen.getsockname()[1]
        return port


def _wait_for_port(process: Process, port: int) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until and process.running:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SurpriseError(f"{process.name} does not listen; see {process.log.name}")
