"""docs/ against the repository: links lead somewhere, and what is told twice is told alike."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), *ROOT.glob("proto/*.md"), *ROOT.glob(".github/*.md")])
RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def anchors(page: Path) -> set[str]:
    """Give the anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page):
    prose = re.sub(r"`[^`\n]*`", "", page.read_text())  # a grammar in it may look like a link
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(aim), f"{page.name} links to {target}"


def test_doors_are_those_that_import_linter_keeps():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert page.split("```text\n")[1].split("```")[0].splitlines() == layers


def test_every_record_of_a_decision_is_listed_and_numbered():
    page = (ROOT / "docs" / "architecture.md").read_text()
    for number, record in enumerate(RECORDS, 1):
        assert record.name.startswith(f"{number:04d}-")
        assert record.read_text().startswith(f"# {number:04d}. ")
        assert f"](decisions/{record.name})" in page
