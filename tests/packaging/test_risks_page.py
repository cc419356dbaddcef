"""The page of risks names each risk of each list once, says of each what is not done, and its evidence exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "risks.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]

LISTS = {
    "OWASP Agentic": [f"ASI{number:02}" for number in range(1, 11)],
    "OWASP MCP": [f"MCP{number:02}" for number in range(1, 11)],
    "MAESTRO": [f"L{number}" for number in range(1, 8)],
    "NIST": ["GOVERN", "MAP", "MEASURE", "MANAGE"],
    "AARM": [f"R{number}" for number in range(1, 7)],
}


@pytest.mark.parametrize("name", LISTS)
def test_each_risk_has_a_row_that_says_what_is_done(name):
    for risk in LISTS[name]:
        (row,) = [row for row in ROWS if row[0].split()[0] == risk]
        assert all(len(cell) > 6 for cell in row[1:]), risk


def test_what_nothing_covers_is_said():
    for risk in ("ASI05", "MCP05", "L1"):
        (row,) = [row for row in ROWS if row[0].split()[0] == risk]
        assert "**not covered**" in row[1]


def test_evidence_exists():
    named = {name for row in ROWS for name in re.findall(r"`((?:tests|proto)/[^`]+)`", row[-1])}
    assert len(named) > 5
    for name in named:
        assert (ROOT / name).exists(), name


def test_features_name_risks_of_the_lists():
    known = {risk for risks in LISTS.values() for risk in risks}
    for row in ROWS:
        if row[-1].startswith("`tests"):
            named = re.findall(r"\b(?:ASI\d+|MCP\d+|L\d|[A-Z]{3,}(?=,|$))", ", ".join(row[1:5]))
            assert named
            assert set(named) <= known
