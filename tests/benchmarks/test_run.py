"""`make bench` works; what it measures is nobody's test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(RUN), *arguments], check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    output = tmp_path_factory.mktemp("bench") / "results.json"
    run = bench("--quick", "kernel", "--output", str(output))
    return run, json.loads(output.read_text())


def test_a_run_succeeds_whether_or_not_its_bars_hold(finished):
    run, _ = finished
    assert (run.returncode, run.stderr) == (0, "")


def test_every_result_has_name_value_unit_bar_and_whether_it_holds(finished):
    _, results = finished
    assert results
    for row in results:
        assert set(row) == {"name", "value", "unit", "bar", "holds"}
        assert (isinstance(row["name"], str), isinstance(row["value"], int | float)) == (True, True)
        assert isinstance(row["unit"], str)
        assert row["bar"] is None or isinstance(row["bar"], int | float)
        assert row["holds"] is (None if row["bar"] is None else row["value"] <= row["bar"])
    assert len({row["name"] for row in results}) == len(results)


def test_the_table_shows_every_result(finished):
    run, results = finished
    for row in results:
        assert row["name"] in run.stdout


def test_an_unknown_group_is_refused_with_the_known_ones():
    run = bench("kernels")
    assert run.returncode == 2
    assert "there is no group kernels: they are kernel, " in run.stderr
