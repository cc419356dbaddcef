"""The tables of `make bench-peers`; who is measured is not installed where tests run."""

from __future__ import annotations

from benchmarks.peers.tables import Table, bullets, lines, size_cell, time_cell

TABLE = Table("Times", ["1 link", "2 links"], [["raw", "50 (1.00)", "50 (1.00)"], ["another, cold", "100 (2.00)", "-"]])


def test_a_table_is_aligned_for_a_terminal():
    assert TABLE.text().splitlines() == [
        "Times",
        "                     1 link    2 links",
        "  raw             50 (1.00)  50 (1.00)",
        "  another, cold  100 (2.00)          -",
    ]


def test_a_table_is_markdown_for_a_page():
    assert TABLE.markdown().splitlines() == [
        "| | 1 link | 2 links |",
        "|---|---:|---:|",
        "| raw | 50 (1.00) | 50 (1.00) |",
        "| another, cold | 100 (2.00) | - |",
    ]


def test_a_cell_has_microseconds_and_their_multiple_of_a_verification():
    assert time_cell(1234.5678, 21.049) == "1,235 (21.05)"


def test_a_size_is_told_in_both_forms_or_as_text_alone():
    assert size_cell(1200, 1600) == "1,200 / 1,600"
    assert size_cell(None, 687) == "- / 687"


def test_named_lines_are_bullets_on_a_page():
    items = [("one", "checks all."), ("another", "checks some.")]
    assert lines("Checked", items) == "Checked\n  one: checks all.\n  another: checks some."
    assert bullets(items) == "- **one** checks all.\n- **another** checks some."
