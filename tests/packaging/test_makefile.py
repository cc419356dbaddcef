"""A bare machine gets a sentence, not a traceback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make")
# Runs `-c CODE` as an older or incomplete Python would.
PRETEND = """#!{python}
import sys
{pretence}
exec(sys.argv[2])
"""


@pytest.fixture
def python(tmp_path):
    """Make an interpreter that pretends: `python("sys.version_info = (3, 10, 2)")`."""

    def pretending(pretence: str) -> Path:
        path = tmp_path / "python3"
        path.write_text(PRETEND.format(python=sys.executable, pretence=pretence))
        path.chmod(0o755)
        return path

    return pretending


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MAKE, *arguments], cwd=ROOT, check=False, capture_output=True, text=True)


def test_an_old_python_is_refused_with_what_to_do(python):
    old = python("sys.version_info, sys.version = (3, 10, 2), '3.10.2 (main)'")
    finished = make("python", f"PYTHON={old}")
    assert finished.returncode != 0
    assert "Python 3.11 or newer is needed, this is 3.10.2: make PYTHON=" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_python_without_venv_is_refused_with_what_to_install(python):
    bare = python("sys.modules['venv'] = None")
    finished = make("python", f"PYTHON={bare}")
    assert finished.returncode != 0
    assert "apt install python3-venv" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_this_python_is_good_enough():
    finished = make("python", f"PYTHON={sys.executable}")
    assert (finished.returncode, finished.stderr) == (0, "")


def test_make_alone_lists_what_can_be_made():
    finished = make()
    assert finished.returncode == 0
    for target in ("demo", "test", "attacks", "check", "bench", "fuzz", "proto"):
        assert f"make {target} " in finished.stdout
