"""Counts of calls: a line for each tool and reason, and under it who called."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from delegation.cli.call_counts import Count, Counted, Decided
from delegation.cli.untrusted_text import visible
from delegation.cli.views.call_lines import OBSERVED, mark
from delegation.cli.views.times import moment
from delegation.cli.views.tree import Line, wrapped
from delegation.core.observation import Observation


def print_counts(console: Console, counted: Counted) -> None:
    """Print counts, the most frequent first."""
    width = max((len(f"{count.calls:,}") for _, count in counted.counts), default=0)
    for decided, count in counted.counts:
        symbol, style = (OBSERVED, "warning") if decided.observed else mark(allowed=not decided.reason)
        head = Text.assemble((symbol, style), f" {count.calls:>{width},}  ", (visible(decided.tool), "agent"), "  ")
        head.append(_words(decided), style)
        who = Text(f"{_who(count)}, {moment(count.first_ms)} to {moment(count.last_ms)}", "quiet")
        indented = Text.assemble(" " * (width + 4), who)
        for line in (Line(head, hang=4), Line(indented, hang=8)):
            for part in wrapped(console, line, console.width):
                console.print(part, soft_wrap=True)
    if counted.more:
        console.print("Older calls are not counted.", style="quiet")


def plain_counts(counted: Counted) -> dict[str, Any]:
    """Write counts as plain data."""
    return {
        "counts": [
            {
                "tool": decided.tool,
                "reason": decided.reason or None,
                "observed": str(decided.observed) if decided.observed else None,
                "calls": count.calls,
                "first_ms": count.first_ms,
                "last_ms": count.last_ms,
                "agents": sorted(count.agents),
                "more_agents": count.more,
                "unnamed": count.unnamed,
            }
            for decided, count in counted.counts
        ],
        "more": counted.more,
    }


def _words(decided: Decided) -> str:
    if not decided.reason:
        return "allowed"
    if decided.observed is None:
        return f"refused: {decided.reason}"
    claimed = ", only its guard says under observation" if decided.observed is Observation.CLAIMED else ""
    return f"would be refused: {decided.reason}, ran{claimed}"


def _who(count: Count) -> str:
    names = [visible(agent) for agent in sorted(count.agents)]
    if count.more:
        names.append("others")
    if count.unnamed:
        names.append("nobody known" if count.unnamed == count.calls else f"nobody known in {count.unnamed:,}")
    return f"by {', '.join(names)}"
