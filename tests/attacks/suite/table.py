"""The table of a run: as text in columns, and as the marked section of docs/attacks.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attacks.suite.runner import Report

BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"
ELSEWHERE = "else"
"""What is no call: other RPCs, trust bundles, feeds, offers, approvals, headers."""
COUNTS = ("attempts", "refused", "right reason", "benign", "permitted")


def cells(report: Report) -> list[list[str]]:
    """Give head, rows and totals."""
    counted = [
        [row.name, row.attempts, row.refused, row.right, row.benign, row.permitted]
        + [row.doors[door] for door in report.doors]
        + [sum(count for door, count in row.doors.items() if door not in report.doors)]
        for row in report.rows
    ]
    totals = [f"{len(counted)} classes", *(sum(row[column] for row in counted) for column in range(1, len(counted[0])))]
    head = ["class", *COUNTS, *report.doors, ELSEWHERE]
    return [
        head,
        *([str(cell or "·") if n > 5 else str(cell) for n, cell in enumerate(row)] for row in (*counted, totals)),
    ]


def text(report: Report) -> str:
    """Give the table in columns, with what failed below it."""
    rows = cells(report)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = "  ".join("-" * width for width in widths)
    lines = [_line(row, widths) for row in rows]
    lines = [lines[0], rule, *lines[1:-1], rule, lines[-1]]
    lines += ["", f"{report.distinct} different things were presented in {report.attempts} attempts."]
    lines += [f"FAILED  {failure}" for failure in report.failures]
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.ljust(width) if not n else cell.rjust(width)
        for n, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()


def markdown(report: Report) -> str:
    """Give the table in Markdown."""
    head, *rows = cells(report)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(report: Report, page: Path) -> None:
    """Put the table where the page has its marks."""
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{markdown(report)}\n{END}{after}")
