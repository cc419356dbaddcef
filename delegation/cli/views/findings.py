"""What `delegation doctor` found: a line each, with what to do below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from delegation.app.doctor import Finding, Level
from delegation.cli.untrusted_text import visible

_STYLE: Final = {Level.OK: "allowed", Level.WARNING: "warning", Level.PROBLEM: "refused"}
_WIDTH: Final = max(map(len, Level)) + 1
_CHECK_WIDTH: Final = 20


def print_finding(console: Console, finding: Finding) -> None:
    """Print one finding."""
    level = (f"{finding.level:<{_WIDTH}}", _STYLE[finding.level])
    check = (f"{finding.check:<{_CHECK_WIDTH}}", "label")
    console.print(Text.assemble(level, check, visible(finding.found)), soft_wrap=True)
    if finding.advice:
        console.print(Text(" " * (_WIDTH + _CHECK_WIDTH) + visible(finding.advice)), soft_wrap=True)


def plain_findings(findings: Sequence[Finding]) -> dict[str, Any]:
    """Write all findings as plain data, with the worst level."""
    order = list(Level)
    return {
        "worst": str(max((finding.level for finding in findings), key=order.index, default=Level.OK)),
        "findings": [
            {
                "check": finding.check,
                "level": str(finding.level),
                "found": finding.found,
                "advice": finding.advice or None,
            }
            for finding in findings
        ],
    }
