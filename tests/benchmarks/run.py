"""Measure against the bars: prints a table, writes build/bench/results.json. A missed bar is no error.

run.py                  all groups
run.py kernel imports   some of them
run.py --quick kernel   few rounds: shows that the benchmark works, measures nothing
run.py --markdown FILE  also puts the tables into a page, between its markers
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).parents[1]))  # what the tests share: tests/support

import page
import report
from measure import MeasurementFailedError

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "build" / "bench" / "results.json"
GROUPS: Final = {
    "kernel": ("bench_kernel", "In process"),
    "hostile": ("bench_hostile", "Worst input within the limits"),
    "policy": ("bench_policy", "Deciding by policy"),
    "guard": ("bench_guard", "Guard, deciding in process"),
    "imports": ("bench_imports", "Importing"),
    "service": ("bench_service", "Service"),
    "postgres": ("bench_postgres", "Service on PostgreSQL, one replica and two"),
    "feed": ("bench_feed", "Revocation feed"),
    "completions": ("bench_completions", "Many completions"),
    "mcp": ("bench_mcp", "MCP over stdio"),
    "growth": ("bench_growth", "Growth, from 10,000 to 1,000,000 recorded calls"),
    "growth-postgres": ("bench_growth_postgres", "Growth on PostgreSQL"),
}
SLOW: Final = {"growth", "growth-postgres"}
"""Takes many minutes: only when named, and in a section of its own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and give the exit status: 0 unless a measurement failed."""
    options = _options(argv)
    report.Row.takes_anything = options.quick
    began = time.monotonic()
    measured: list[tuple[str, list[report.Row]]] = []
    failed: list[str] = []
    for group in options.groups or [group for group in GROUPS if group not in SLOW]:
        module, title = GROUPS[group]
        try:
            rows = importlib.import_module(module).rows(quick=options.quick)
        except Exception as error:  # noqa: BLE001 - the other groups can still be measured
            if not isinstance(error, MeasurementFailedError):
                traceback.print_exc()
            failed.append(f"{title}: {error}")
            continue
        measured.append((title, rows))
        print(report.table(title, rows), flush=True)
    rows = [row for _, group_rows in measured for row in group_rows]
    report.require_different_names(rows)
    report.write_json(rows, options.output)
    print(f"{report.summary(rows)}; {time.monotonic() - began:.0f} s; {options.output}")
    if options.markdown:
        tables = [page.machine(), *(report.markdown(title, rows) for title, rows in measured)]
        section = "growth" if SLOW.issuperset(options.groups or GROUPS) else "measured"
        page.put(options.markdown, section, "\n\n".join(tables))
    for line in failed:
        print(f"measurement failed: {line}", file=sys.stderr)
    return 1 if failed else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure against the bars.")
    parser.add_argument(
        "groups", nargs="*", metavar="group", help=f"{', '.join(GROUPS)}; all that are not slow if none"
    )
    parser.add_argument("--quick", action="store_true", help="few rounds; numbers mean nothing")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where results.json goes")
    parser.add_argument("--markdown", type=Path, help="a page whose measured part is replaced")
    options = parser.parse_args(argv)
    if unknown := [group for group in options.groups if group not in GROUPS]:
        parser.error(f"there is no group {unknown[0]}: they are {', '.join(GROUPS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
