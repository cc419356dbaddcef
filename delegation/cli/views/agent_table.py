"""A list of registered agents, each with its owner."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.times import relative
from delegation.cli.views.tree import Line, wrapped
from delegation.wire.trust import RegisteredAgent


def print_agents(console: Console, agents: Sequence[RegisteredAgent], now_ms: int) -> None:
    """Print agents."""
    for each in agents:
        head = Text.assemble((visible(each.agent), "agent"), f"  of {visible(each.owner)}")
        by = "itself" if each.registered_by == each.agent else visible(each.registered_by)
        what = Text(f"  registered {relative(each.registered_at_ms, now_ms)} by {by}", "quiet")
        for text in (head, what):
            for part in wrapped(console, Line(text, hang=4), console.width):
                console.print(part, soft_wrap=True)
