"""Putting what was measured into a page, between its markers, with the date and the machine."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


def machine() -> str:
    """Say when and on what this runs."""
    cores = os.cpu_count()
    return f"{time.strftime('%Y-%m-%d')}, {cores} cores, {platform.machine()}, Python {platform.python_version()}."


def put(page: Path, section: str, text: str) -> None:
    """Replace what stands between the markers of a section of a page.

    Raises:
        SystemExit: the page has no such section.
    """
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{page} has no lines {begin} and {end}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
