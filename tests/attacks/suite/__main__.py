"""`make attacks`: run every class of attack and print the table. Fails unless every attempt and every twin holds."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from attacks.suite import table
from attacks.suite.everything import report
from benchmarks.page import machine, put

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "attacks.md"


def main() -> int:
    """Give the exit code."""
    options = argparse.ArgumentParser(prog="make attacks", description=__doc__)
    options.add_argument("--markdown", action="store_true", help="also write the table into the pages that show it")
    options.add_argument("--only", default="", help="only classes with this in their name")
    options.add_argument("--offline", action="store_true", help="without the running service")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = report(None if given.offline else Path(directory), only=given.only)
    sys.stdout.write(table.text(found) + "\n")
    if given.markdown:
        table.write(found, PAGE)
        put(DOCS / "benchmarks.md", "attacks", f"{machine()}\n\n{table.markdown(found)}")
    return 0 if found.holds else 1


if __name__ == "__main__":
    sys.exit(main())
