"""What tools have said of themselves, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.times import relative
from delegation.cli.views.tree import Line, wrapped
from delegation.wire.tool_reports import ToolDifference, ToolReport

_MOST_CHARACTERS: Final = 100
_KINDS: Final = {
    ToolDifference.CHANGED: ("refused", "the manifest is not the one that is pinned"),
    ToolDifference.RISKIER: ("warning", "declares more than is listed"),
    ToolDifference.UNLISTED: ("warning", "the catalogue does not list it"),
}


def print_reports(console: Console, reports: Sequence[ToolReport], now_ms: int) -> None:
    """Print the tools that differ from the catalogue, and how many do not."""
    for kind, (style, why) in _KINDS.items():
        for each in reports:
            if kind in each.differences:
                name = visible(f"{each.audience}.{each.tool}", limit=_MOST_CHARACTERS)
                head = Text.assemble((f"{kind:9}", style), name, (f"  {why}", "quiet"))
                told = Text(f"{_declared(each)}served by {visible(each.caller, limit=_MOST_CHARACTERS)}, ", "quiet")
                told.append(
                    f"so since {relative(each.since_ms, now_ms)}, last told {relative(each.last_seen_at_ms, now_ms)}"
                )
                for line in (Line(head, hang=11), Line(Text.assemble(" " * 9, told), hang=11)):
                    for part in wrapped(console, line, console.width):
                        console.print(part, soft_wrap=True)
    same = sum(not each.differences for each in reports)
    words = "1 tool is as the catalogue has it." if same == 1 else f"{same:,} tools are as the catalogue has them."
    console.print(Text(words if reports else "No guard has told of its tools.", "quiet"))


def plain_reports(reports: Sequence[ToolReport]) -> dict[str, Any]:
    """Write them as plain data, for `--json`."""
    return {
        "tools": [
            {
                "audience": each.audience,
                "name": each.tool,
                "caller": each.caller,
                "differences": list(map(str, each.differences)),
                "declared_effects": sorted(each.declared.effects),
                "declared_labels": sorted(each.declared.labels),
                "manifest_digest": each.declared.manifest_digest.hex(),
                "first_seen_at_ms": each.first_seen_at_ms,
                "last_seen_at_ms": each.last_seen_at_ms,
                "since_ms": each.since_ms,
            }
            for each in reports
        ]
    }


def _declared(report: ToolReport) -> str:
    """Say what a tool declares, in a few words; empty if nothing."""
    declared = report.declared
    words = [*sorted(declared.effects), *(f"label {label}" for label in sorted(declared.labels))]
    return f"{', '.join(words)}; " if words else ""
