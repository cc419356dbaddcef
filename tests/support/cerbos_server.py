"""A real Cerbos (npm has its binary), started for the tests on loopback, over HTTPS.

    with running_cerbos(directory, files) as url:
        …     # its Access Evaluation endpoint (OpenID AuthZEN)

It is installed into `build/` once, by the lock file in `cerbos/`, where its policy is, too.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.decision_point import PATH, PointFiles
from support.load import until

SOURCE = Path(__file__).parent / "cerbos"
BUILD = Path(__file__).parents[2] / "build"
NPM = shutil.which("npm")
_FILES = ("package.json", "package-lock.json", ".npmrc")


@contextlib.contextmanager
def running_cerbos(directory: Path, files: PointFiles) -> Iterator[str]:
    """Start it and end it; skip the test where there is no npm, or no binary for this machine."""
    binary = _installed()
    port, other = _free_port(), _free_port()
    policies = directory / "policies"
    policies.mkdir()
    shutil.copy(SOURCE / "tools.yaml", policies)
    config = {
        "server": {
            "httpListenAddr": f"127.0.0.1:{port}",
            "grpcListenAddr": f"127.0.0.1:{other}",
            "tls": {"cert": str(files.certificate), "key": str(files.certificate)},
        },
        "storage": {"driver": "disk", "disk": {"directory": str(policies)}},
        "telemetry": {"disabled": True},
    }
    (directory / "config.json").write_text(json.dumps(config))
    arguments = [binary, "server", f"--config={directory / 'config.json'}", "--debug-listen-addr="]
    with (directory / "log").open("wb") as log, subprocess.Popen(arguments, stdout=log, stderr=log) as process:
        try:
            until(lambda: process.poll() is not None or _listens(port))
            assert process.poll() is None, (directory / "log").read_text()
            yield f"https://localhost:{port}{PATH}"
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _installed() -> str:
    """Install the binary, once for each state of its lock file."""
    if NPM is None:
        pytest.skip("Cerbos needs npm")
    content = b"".join((SOURCE / name).read_bytes() for name in _FILES)
    directory = BUILD / f"cerbos-{hashlib.sha256(content).hexdigest()[:16]}"
    if not (directory / "installed").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for name in _FILES:
            shutil.copy(SOURCE / name, directory)
        subprocess.run([NPM, "ci", "--ignore-scripts", "--silent"], cwd=directory, check=True, timeout=300)
        (directory / "installed").touch()
    found = sorted(directory.glob("node_modules/@cerbos/*/cerbos-*"))
    if not found:
        pytest.skip("Cerbos has no binary for this machine")
    return str(found[0])
