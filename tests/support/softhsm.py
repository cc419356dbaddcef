"""SoftHSM2 for tests: real PKCS#11 tokens, installed on a machine of one's own (Debian's `softhsm2`) if need be.

The library reads its configuration and lists its tokens once in a process, so the tokens are made beforehand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

PIN: Final = "4711-quite-secret"
_MODULES: Final = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
_TOKENS: Final = 20
_TIMEOUT_S: Final = 300


@dataclass(frozen=True)
class SoftHsm:
    """Where the module is, and tokens that nobody has used yet."""

    module: Path
    config: Path
    unused: list[str]

    def token(self) -> str:
        """Give the label of a fresh token."""
        return self.unused.pop()


def _installed() -> Path:
    if shutil.which("softhsm2-util") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            pytest.skip("softhsm2 is not installed, and cannot be without root: apt-get install softhsm2")
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "softhsm2"]):
            subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S)
    found = [Path(module) for module in _MODULES if Path(module).exists()]
    return found[0]


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """Set up SoftHSM2 for this process."""
    module = _installed()
    home = tmp_path_factory.mktemp("softhsm")
    (home / "tokens").mkdir()
    config = home / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {home / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", os.fspath(config))
        labels = [f"token-{number}" for number in range(_TOKENS)]
        for label in labels:
            line = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", PIN]
            subprocess.run(line, check=True, capture_output=True, timeout=_TIMEOUT_S)
        yield SoftHsm(module, config, labels)
