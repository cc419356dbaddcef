"""The demo from outside: what it prints, how it ends, and that it leaves nobody running."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
STEPS = [
    "The orchestrator gets a grant",
    "It hands on to two agents what each needs, and one of them to a sub-agent",
    "They work: calls of real tools, on real files",
    "The auditor hands on more than it has: refused",
    "Wider arguments: refused inside the tool, with the hop at fault",
    "A stolen token without its key: refused",
    "A truncated chain: refused",
    "A replayed call: refused",
    "The task is completed: everything is refused",
    "The chain as a tree, with what each hop took away",
    "The trace, as an OTLP collector has received it",
    "Why billing's 35.00 were refused, by the service's record",
    "The service is killed as by a power cut, and started again",
]
REFUSALS = [
    "scope_grew at link 2",
    "argument_refused at link 2",
    "argument_refused at link 1",
    "proof_invalid",
    "proof_other_call",
    "receipt_missing at link 1",
    "proof_replayed",
    "task_ended at link 0",
    "service_unavailable",
]


def start(program, directory):
    environment = {**os.environ, "TMPDIR": str(directory)}
    for name in ("FORCE_COLOR", "COLUMNS"):
        environment.pop(name, None)
    return subprocess.Popen(
        [sys.executable, program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )


def output_of(demo):
    output, _ = demo.communicate(timeout=180)
    return output


def still_running(directory):
    """Processes that were told of a file in the directory: all that the demo starts are."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"={directory}/delegation-demo-".encode() in environment.read_bytes():
                found.append(environment.parent.name)
        except OSError:
            continue  # ended, or not ours to look at
    return found


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    directory = tmp_path_factory.mktemp("played")
    demo = start(EXAMPLES / "demo" / "main.py", directory)
    return demo, output_of(demo), directory


def test_every_step_is_told_in_order_and_holds(played):
    demo, output, _ = played
    assert demo.returncode == 0, output
    told = [title for number, title in re.findall(r"^ {1,2}(\d+)  (\S.*)$", output, re.MULTILINE)]
    assert told == STEPS
    assert "✗" not in output.split("$ delegation", maxsplit=1)[0]
    assert "13 steps" in output.splitlines()[-2]


def test_every_refusal_is_told_with_its_reason_and_hop(played):
    _, output, _ = played
    assert [reason for reason in REFUSALS if reason not in " ".join(output.split())] == []


def test_piped_it_fits_80_columns_and_has_no_colours(played):
    _, output, _ = played
    assert [line for line in output.splitlines() if len(line) > 80] == []
    assert "\x1b" not in output


def test_it_leaves_nothing_behind(played):
    _, _, directory = played
    assert list(directory.iterdir()) == []
    assert still_running(directory) == []


def test_a_surprise_ends_it_with_the_step_and_the_logs(tmp_path):
    shutil.copytree(EXAMPLES / "demo", tmp_path / "examples" / "demo")
    scene = tmp_path / "examples" / "demo" / "scenes" / "refusals.py"
    text = scene.read_text(encoding="utf-8")
    assert text.count('"proof_other_call"') == 1
    scene.write_text(text.replace('"proof_other_call"', '"proof_stale"'), encoding="utf-8")

    demo = start(tmp_path / "examples" / "demo" / "main.py", tmp_path)
    output = " ".join(output_of(demo).split())
    assert demo.returncode == 1
    assert "✗ step 6, A stolen token without its key: refused: it does not hold that" in output
    assert "found: proof_other_call" in output
    logs = Path(re.search(r"what every process said: (\S+)", output)[1])
    assert {log.name for log in logs.iterdir()} >= {"service.log", "auditor.log", "billing-server.log"}
    assert still_running(tmp_path) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_ends_everybody_it_started(tmp_path, number, code):
    demo = start(EXAMPLES / "demo" / "main.py", tmp_path)
    for line in demo.stdout:
        if STEPS[1] in line:
            demo.send_signal(number)
            break
    output = output_of(demo)
    assert demo.returncode == code
    assert "interrupted" in output
    assert still_running(tmp_path) == []
