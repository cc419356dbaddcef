"""The doors between rooms: import-linter's contracts hold, and they cover what they claim to cover."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
KERNEL = sorted((ROOT / "delegation" / "core").rglob("*.py"))
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"}
# In these rooms a module is either what others see (the port and its values) or an adapter that only app sees.
OPEN_TO_OTHERS = {
    "delegation.identity": {"port", "profile", "spiffe", "token_rules"},
    "delegation.signing": {"port"},
    "delegation.storage": {
        "approvals",
        "listing",
        "port",
        "preconditions",
        "records",
        "refused_writes",
        "relay",
        "sessions",
        "tool_reports",
    },
}


def test_every_door_is_kept():
    lint = Path(sys.executable).with_name("lint-imports")
    finished = subprocess.run([lint, "--no-logo", "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("room", sorted(OPEN_TO_OTHERS))
def test_every_module_beside_a_port_is_a_protected_adapter(room):
    folder = ROOT.joinpath(*room.split("."))
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    protected = {name.rpartition(".")[2] for name in CONTRACTS["adapters"]["protected_modules"] if room in name}
    assert modules - {"__init__"} - OPEN_TO_OTHERS[room] == protected


@pytest.mark.parametrize("path", KERNEL, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_kernel_reads_no_clock_and_opens_no_file(path):
    """import-linter sees modules; `datetime.now()` and `open()` need none that the kernel may not have."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func
            assert not (isinstance(called, ast.Name) and called.id in {"open", "print", "input"}), ast.unparse(node)
            assert not (isinstance(called, ast.Attribute) and called.attr in CLOCKS), ast.unparse(node)
