"""What was acknowledged is there after the process was killed, exactly once."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from delegation.storage.sqlite import SqliteStorage

CHILD = Path(__file__).with_name("crash_child.py")
TESTS = CHILD.parent.parent

ENTERED = {
    "call": "select call_id from calls",
    "task": "select task_id from tasks",
    "link": 'select link_id from links where "index" > 0',
    "revocation": "select id from revocations",
}


def killed_after(path, acknowledgements):
    """Run the child until it acknowledged so many writes, kill it, return all it acknowledged."""
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    with subprocess.Popen([sys.executable, str(CHILD), str(path)], stdout=subprocess.PIPE, env=environment) as child:
        lines = [child.stdout.readline() for _ in range(acknowledgements)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    return [tuple(line.decode().split()) for line in lines if line.endswith(b"\n") and line != b"open\n"]


@pytest.mark.spec("A-6", "T-4")
@pytest.mark.parametrize("kills", [4])
async def test_what_was_acknowledged_survives_kill_9_exactly_once(tmp_path, kills):
    path = tmp_path / "delegation.db"
    acknowledged = []
    for number in range(kills):
        acknowledged += await asyncio.to_thread(killed_after, path, 300 + 77 * number)
    storage = SqliteStorage(path)
    await storage.open()
    head = await storage.head_position()
    await storage.close()

    with sqlite3.connect(path) as database:
        for kind, question in ENTERED.items():
            entered = Counter(row[0].hex() for row in database.execute(question))
            assert set(entered.values()) <= {1}
            assert {written for known, written in acknowledged if known == kind} <= entered.keys()
        assert {kind for kind, _ in acknowledged} == ENTERED.keys()
        assert_without_gaps(database, head)
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()


def assert_without_gaps(database, head):
    positions = [row[0] for row in database.execute("select position from revocations order by position")]
    assert positions == list(range(1, head + 1))
    for guard_key, next_sequence in database.execute("select guard_key, next_sequence from recorders"):
        question = "select guard_sequence from calls where guard_key = ? order by guard_sequence"
        numbers = [row[0] for row in database.execute(question, (guard_key,))]
        assert numbers == list(range(1, next_sequence))
