"""A list of tasks: newest first, with their state."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.times import relative
from delegation.cli.views.tree import Line, wrapped
from delegation.core.lineage import RecordedTask


def print_tasks(console: Console, tasks: Sequence[RecordedTask], now_ms: int) -> None:
    """Print tasks."""
    for task in tasks:
        head = Text.assemble((task.task_id.hex(), "agent"), "  ", state_text(task, now_ms))
        purpose = Text(f"  {visible(task.purpose)}")
        holder = Text(f"  {visible(task.holder_agent)}", "quiet")
        if task.principal.subject != task.holder_agent:
            holder.append(f" for {visible(task.principal.subject)}", "quiet")
        for text in (head, purpose, holder):
            for part in wrapped(console, Line(text, hang=4), console.width):
                console.print(part, soft_wrap=True)


def state_text(task: RecordedTask, now_ms: int) -> Text:
    """Say whether a task goes on."""
    if task.completed_at_ms is not None:
        return Text(f"completed {relative(task.completed_at_ms, now_ms)}", "quiet")
    if task.expires_at_ms <= now_ms:
        return Text(f"expired {relative(task.expires_at_ms, now_ms)}", "quiet")
    return Text(f"active, ends {relative(task.expires_at_ms, now_ms)}", "allowed")
