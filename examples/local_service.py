"""A delegation service of one's own for the length of a block: what `delegation serve --dev` runs, in its own process.

Shared by the examples. In production the operator runs the service, and `Client.connect()` finds it by itself.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from delegation.app import issue_development_profile
from delegation.server.config import load_config
from delegation_sdk import Profile

TRUST_DOMAIN = "example.org"

_CATALOGUE = """
[[tool]]
audience = "weather"
name = "forecast"
owner = "examples"
effects = ["read"]
local = true

[[tool]]
audience = "billing"
name = "refund"
owner = "examples"
effects = ["write", "spends"]
"""


class LocalService:
    """A service with the catalogue above: forecasts are decided inside the tool, refunds by the service."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._config = directory / "service.toml"
        self._config.write_text(f'trust_domain = "{TRUST_DOMAIN}"\ncatalogue = "tools.toml"\n')
        (directory / "tools.toml").write_text(_CATALOGUE)
        self._address = "127.0.0.1:0"
        self.start()

    def start(self) -> None:
        """Start it; again on what it left, at the same address."""
        options = ["--dev", "--config", self._config, "--state-dir", self._directory, "--listen", self._address]
        log = self._directory / "service.log"
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "delegation.cli", "serve", *options],
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # Ctrl-C reaches the example alone, which ends this
            )
        if not self._process.stdout.readline():  # it speaks when it listens
            raise SystemExit(f"the service did not start: {log.read_text()}")
        self._address = self._developer().target

    def stop(self) -> None:
        """Stop it; what it recorded stays."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self._process.stdout.close()

    def profile(self, name: str) -> Path:
        """Give `agent/NAME` or `tool/NAME` its certificate and profile, as `delegation keys issue` does."""
        config = load_config(self._config, dev=True, state_dir=self._directory)
        root = self._developer().trust_root
        return issue_development_profile(config, self.id(name), target=self._address, trust_root=root)

    @staticmethod
    def id(name: str) -> str:
        """The SPIFFE ID of `agent/NAME` or `tool/NAME`."""
        return f"spiffe://{TRUST_DOMAIN}/{name}"

    def _developer(self) -> Profile:
        return Profile.load(self._directory / "profile.toml")


@contextmanager
def local_service() -> Iterator[LocalService]:
    """Run a service while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="delegation-example-") as directory:
        service = LocalService(Path(directory))
        try:
            yield service
        finally:
            service.stop()
