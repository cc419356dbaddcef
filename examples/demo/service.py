"""The delegation service as an operator runs it: `delegation serve --dev`, on SQLite, in a directory of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from demo.narration import SurpriseError
from demo.processes import Company, Process

if TYPE_CHECKING:
    from delegation_sdk import Client

_TIMEOUT_S = 60.0


class Service:
    """A service that can be killed and started again on what it left behind."""

    def __init__(self, company: Company, state: Path, config: Path, environment: Mapping[str, str]) -> None:
        self._company = company
        self._state = state
        self._config = config
        self._environment = dict(environment)
        self._listen = "127.0.0.1:0"
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """Its process."""
        if self._process is None:
            raise SurpriseError("the service was not started")
        return self._process

    @property
    def target(self) -> str:
        """Where it listens."""
        return self._listen

    def start(self) -> None:
        """Start it, and wait until it listens; again at the same address."""
        options = ["--dev", "--config", str(self._config), "--state-dir", str(self._state), "--listen", self._listen]
        command = [sys.executable, "-m", "delegation.cli", "serve", *options]
        self._process = self._company.start("service", command, self._environment)

        # Loaded while it starts; then it speaks when it listens.
        import delegation.app  # noqa: F401
        from delegation_sdk import Profile

        self._process.read_line()
        self._listen = Profile.load(self._developer).target

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    def profile(self, spiffe_id: str) -> Path:
        """Give an identity its certificate and profile, as `delegation keys issue` does."""
        from delegation.app import issue_development_profile
        from delegation.server.config import load_config
        from delegation_sdk import Profile

        return issue_development_profile(
            load_config(self._config, dev=True, state_dir=self._state),
            spiffe_id,
            target=self.target,
            trust_root=Profile.load(self._developer).trust_root,
        )

    def operator(self) -> Client:
        """Connect as the person who runs it."""
        from delegation_sdk import Client

        return Client.connect(self._developer)

    def command(self, *arguments: str, columns: int, colours: bool = False) -> str:
        """Run `delegation` as the operator and give what it prints.

        Raises:
            SurpriseError: It fails.
        """
        environment = self._environment | {"DELEGATION_PROFILE": str(self._developer), "COLUMNS": str(columns)}
        environment["OTEL_SDK_DISABLED"] = "true"
        if colours:
            environment["FORCE_COLOR"] = "1"
        ran = subprocess.run(
            [sys.executable, "-m", "delegation.cli", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_TIMEOUT_S,
            check=False,
        )
        if ran.returncode != 0:
            raise SurpriseError(f"`delegation {arguments[0]}` failed: {ran.stderr.strip() or ran.stdout.strip()}")
        return ran.stdout

    @property
    def _developer(self) -> Path:
        return self._state / "profile.toml"
