"""The lines that describe one decided call: a mark, when, what, and how it ended."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.times import clock
from delegation.cli.views.tree import Line
from delegation.core.lineage import RecordedCall
from delegation.errors import Refused

ALLOWED: Final = "✓"
REFUSED: Final = "✗"
OBSERVED: Final = "~"
_GAP_COLUMNS: Final = 2


def mark(*, allowed: bool) -> tuple[str, str]:
    """Give the mark of a decision, and its style."""
    return (ALLOWED, "allowed") if allowed else (REFUSED, "refused")


def mark_of(call: RecordedCall) -> tuple[str, str]:
    """Give the mark of a call, and its style: one that was refused and ran has its own."""
    return (OBSERVED, "warning") if call.observed else mark(allowed=call.allowed)


def tool_name(call: RecordedCall) -> str:
    """Name what was called: `files.read_text`."""
    return visible(f"{call.audience}.{call.tool}")


def result_text(call: RecordedCall) -> Text:
    """Say how a call ended: the outcome of an allowed one, the reason of a refused one."""
    if call.refusal is not None and call.observed:
        outcome = visible(call.outcome) or "no outcome yet"
        return Text(f"{refused_words(call, call.refusal)}, and ran: {outcome}", "warning")
    if call.refusal is not None:
        return Text(refused_words(call, call.refusal), "refused")
    return Text(visible(call.outcome) or "no outcome yet", "refused" if call.outcome == "failed" else "quiet")


def refusal_words(error: Refused) -> str:
    """Name a refusal in a few words."""
    return f"{error.reason}" if error.link_index is None else f"{error.reason} at link {error.link_index}"


def refused_words(call: RecordedCall, refused: Refused) -> str:
    """Name why a call was refused in a few words, with the rules that did so: `policy_denied by no-leak`."""
    by = f" by {visible(', '.join(call.rules))}" if call.rules else ""
    return f"{refusal_words(refused)}{by}"


def call_head(call: RecordedCall) -> Text:
    """Begin the description of a call: `✓ 13:20:04  files.read_text`."""
    return Text.assemble(mark_of(call), " ", (clock(call.decided_at_ms), "quiet"), "  ", (tool_name(call), "agent"))


def with_id(head: Text, call: RecordedCall, width: int) -> list[Line]:
    """Put a call's id at the right edge of its first line, or below where there is no room."""
    identifier = call.call_id.hex()
    room = width - head.cell_len - len(identifier)
    if room >= _GAP_COLUMNS:
        return [Line(Text.assemble(head, " " * room, (identifier, "quiet")))]
    return [Line(head, hang=2), Line(Text.assemble("  ", (identifier, "quiet")))]
