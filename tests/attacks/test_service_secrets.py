"""Nothing secret is written down: not by service, guard or client, not at DEBUG, not in errors, spans or metrics."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "secret_journey.py"


@pytest.mark.spec("G-3", "X-2")
def test_no_token_proof_key_or_argument_is_written_down_anywhere_on_a_whole_journey(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", *sys.path]), "GRPC_VERBOSITY": "ERROR"}
    done = subprocess.run(
        [sys.executable, PROGRAM, tmp_path], capture_output=True, text=True, check=False, timeout=110, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    searched = json.loads(done.stdout)
    assert searched["found"] == []
    assert searched["secrets"] >= 50
    assert searched["spans"] >= 100
    assert all(size > 500 for size in searched["sizes"].values()), searched["sizes"]


def test_what_the_service_keeps_on_disk_is_its_owners_alone(server, as_):
    as_("auditor/ada").tasks()
    files = [path for path in server.directory.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in files), "the journal of the database is among them"
    assert any(path.name == "client.key" for path in files)
    for path in files:
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), path
