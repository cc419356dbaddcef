"""Every example runs as its reader would run it, and fails when what it shows is not so."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
# Modules that examples use; what `mcp_client` starts is tested with it.
PARTS = {"local_service.py", "mcp_server.py"}
PROGRAMS = sorted(path.name for path in EXAMPLES.glob("*.py") if path.name not in PARTS)


def run(program, **options):
    return subprocess.run(
        [sys.executable, program], capture_output=True, text=True, encoding="utf-8", timeout=180, check=False, **options
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_example_shows_what_it_asserts(program, tmp_path):
    ran = run(EXAMPLES / program, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    assert not list(tmp_path.iterdir()), "an example leaves nothing behind"


@pytest.mark.parametrize(
    ("program", "told", "otherwise"),
    [
        ("orchestrator_three_lines.py", 'refused.field == "scope[billing.refund].amount"', 'refused.field == "ttl"'),
        ("guard_http_tool.py", '"proof_replayed"', '"proof_missing"'),
        ("testing_your_agent.py", 'at_most("20.00")', 'at_most("40.00")'),
    ],
)
def test_example_fails_when_something_else_happens_than_it_tells(program, told, otherwise, tmp_path):
    shutil.copy(EXAMPLES / "local_service.py", tmp_path)
    text = (EXAMPLES / program).read_text(encoding="utf-8")
    assert told in text
    (tmp_path / program).write_text(text.replace(told, otherwise), encoding="utf-8")
    ran = run(tmp_path / program)
    assert ran.returncode != 0
    assert "AssertionError" in ran.stderr


def test_readme_lists_every_example():
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    listed = {path.name for path in EXAMPLES.iterdir() if f"]({path.name}" in readme}
    assert listed >= {*PROGRAMS, "mcp_server.py", "demo"}
