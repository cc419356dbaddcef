"""The hashed files hold names, versions and hashes, so that any index or mirror can serve them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
FILES = sorted(REQUIREMENTS.glob("*.txt"))
PIN = re.compile(r"[a-z0-9.-]+==[\w.]+( ; [^\\@:/]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^([\w.-]+)==([\w.]+)", (REQUIREMENTS / name).read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_line_is_a_pin_or_a_hash(path):
    strange = [line for line in path.read_text().splitlines() if not (PIN.fullmatch(line) or HASH.fullmatch(line))]
    assert strange == []


@pytest.mark.parametrize(("smaller", "larger"), [("run.txt", "test.txt"), ("test.txt", "check.txt")])
def test_what_is_tested_is_what_runs(smaller, larger):
    assert pins(smaller).items() <= pins(larger).items()


def test_nobody_installs_the_linters_to_see_the_demo():
    assert not {"pytest", "ruff", "mypy", "buf-bin", "grpcio-tools"} & pins("run.txt").keys()
