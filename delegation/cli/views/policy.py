"""Policies: what is wrong with one, and how it decides the cases that it is tested with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from delegation.app.policy_files import Fault
from delegation.cli.policy_cases import PolicyCase, kind_of, rules_of
from delegation.cli.untrusted_text import visible
from delegation.policy.port import Denial, Verdict

_KIND_WIDTH: Final = 10
_MOST_PADDING: Final = 60


def print_faults(console: Console, faults: Sequence[Fault]) -> None:
    """Print what is wrong, a line each: file, line, rule, reason."""
    for fault in faults:
        place = f"{fault.file}:{fault.line}: "
        named = f"{fault.rule}: " if fault.rule else ""
        console.print(
            Text.assemble((visible(place), "label"), (visible(named), "agent"), visible(fault.reason)), soft_wrap=True
        )


def plain_faults(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Write what is wrong as plain data."""
    return [
        {"file": fault.file, "line": fault.line, "rule": fault.rule or None, "reason": fault.reason} for fault in faults
    ]


def print_policy(console: Console, rules: int, digest: bytes) -> None:
    """Say that a policy can be used, and its digest, by which decisions name it."""
    counted = f"{rules} rule{'s' if rules != 1 else ''}"
    console.print(Text.assemble(("✓ ", "allowed"), f"{counted}, digest {digest.hex()}"), soft_wrap=True)


def print_unnamed_labels(console: Console, labels: Sequence[str]) -> None:
    """Say of which labels no rule speaks, a line each."""
    for label in labels:
        words = f"! no rule names the label {visible(label)}: nothing follows from reading what has it"
        console.print(Text(words, "warning"), soft_wrap=True)


def print_results(console: Console, results: Sequence[tuple[PolicyCase, Verdict]]) -> None:
    """Print a line for each case, and below those that do not hold what was expected."""
    width = min(max(len(visible(case.name)) for case, _ in results), _MOST_PADDING)
    for case, verdict in results:
        holds = case.holds(verdict)
        mark = ("✓ ", "allowed") if holds else ("✗ ", "refused")
        line = f"{visible(case.name):<{width}}  {kind_of(verdict):<{_KIND_WIDTH}}{', '.join(rules_of(verdict))}"
        console.print(Text.assemble(mark, line.rstrip()), soft_wrap=True)
        if not holds:
            by = "" if case.rules is None else f" by {', '.join(sorted(case.rules)) or 'no rule'}"
            console.print(Text(f"    expected {case.expected}{visible(by)}", "warning"), soft_wrap=True)
            if isinstance(verdict, Denial):
                console.print(Text(f"    {visible(verdict.detail)}", "quiet"), soft_wrap=True)
    failed = sum(not case.holds(verdict) for case, verdict in results)
    console.print(f"{len(results) - failed} of {len(results)} cases hold", soft_wrap=True)


def plain_results(results: Sequence[tuple[PolicyCase, Verdict]]) -> list[dict[str, Any]]:
    """Write all cases with their verdicts as plain data."""
    return [
        {
            "name": case.name,
            "holds": case.holds(verdict),
            "verdict": str(kind_of(verdict)),
            "rules": list(rules_of(verdict)),
            "detail": verdict.detail if isinstance(verdict, Denial) else None,
            "expected": str(case.expected),
            "expected_rules": sorted(case.rules) if case.rules is not None else None,
        }
        for case, verdict in results
    ]
