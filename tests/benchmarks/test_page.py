"""What is measured is put between the markers of a page, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import page

ROOT = Path(__file__).parents[2]


def test_only_what_stands_between_the_markers_is_replaced(tmp_path):
    written = tmp_path / "page.md"
    written.write_text("before\n<!-- times: begin -->\n\nold\n\n<!-- times: end -->\nafter\n", encoding="utf-8")
    page.put(written, "times", "| 1 µs |")
    assert written.read_text(encoding="utf-8") == (
        "before\n<!-- times: begin -->\n\n| 1 µs |\n\n<!-- times: end -->\nafter\n"
    )


def test_a_page_without_the_section_is_left_alone(tmp_path):
    written = tmp_path / "page.md"
    written.write_text("before\n<!-- times: begin -->\nafter\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="has no lines <!-- times: begin --> and <!-- times: end -->"):
        page.put(written, "times", "| 1 µs |")
    assert written.read_text(encoding="utf-8") == "before\n<!-- times: begin -->\nafter\n"


@pytest.mark.parametrize(
    ("name", "section"),
    [("README.md", "peers"), *(("docs/benchmarks.md", section) for section in ("peers", "measured", "growth"))],
)
def test_pages_have_the_sections_that_are_measured(name, section):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text.count(f"<!-- {section}: begin -->") == text.count(f"<!-- {section}: end -->") == 1
