"""A list of calls: newest first, a day at a time; two lines each on a screen, one where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.call_lines import call_head, mark_of, result_text, tool_name, with_id
from delegation.cli.views.times import day, moment
from delegation.cli.views.tree import Line, wrapped
from delegation.core.lineage import RecordedCall

_INDENT: Final = 2
_MOST_PADDING: Final = 60
"""One name that is very long must not push all others off the screen."""


def print_calls(console: Console, calls: Sequence[RecordedCall]) -> None:
    """Print calls for a screen: each whole, whatever the width."""
    last_day = ""
    for call in calls:
        today = day(call.decided_at_ms)
        if today != last_day:
            console.print(Text(f"{today} UTC", "label"))
            last_day = today
        for line in [*with_id(call_head(call), call, console.width), _by(call)]:
            for part in wrapped(console, line, console.width):
                console.print(part, soft_wrap=True)


def print_call_records(console: Console, calls: Sequence[RecordedCall]) -> None:
    """Print calls for a pipe: one a line, in columns, nothing cut."""
    rows = [
        (
            mark_of(call)[0],
            moment(call.decided_at_ms),
            call.call_id.hex(),
            tool_name(call),
            visible(call.agent) or "-",
            result_text(call).plain if call.refusal else visible(call.outcome) or "-",
        )
        for call in calls
    ]
    widths = [min(max(map(len, column)), _MOST_PADDING) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        console.print("  ".join(cells).rstrip(), soft_wrap=True)


def _by(call: RecordedCall) -> Line:
    text = Text(" " * _INDENT)
    text.append_text(result_text(call))
    text.append(f"  by {visible(call.agent) or 'somebody unknown'}")
    if call.principal_subject and call.principal_subject != call.agent:
        text.append(f" for {visible(call.principal_subject)}")
    return Line(text, hang=_INDENT + 2)
