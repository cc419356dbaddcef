"""The lines that describe one hop in a tree: who, until when, and what was taken away."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from delegation.cli.hops import Hop, Standing
from delegation.cli.untrusted_text import visible
from delegation.cli.views.times import moment, relative
from delegation.cli.views.tree import Line
from delegation.core.scope import Scope
from delegation.errors import Refused

TAKEN: Final = "- "
_MOST_LINES: Final = 12
"""Capabilities, or things taken away, that are listed one by one."""
_MOST_CHARACTERS: Final = 320

_STANDING: Final = {
    Standing.AUTHENTICATED: "grant",
    Standing.BOUND: "bound by the service",
    Standing.ASSERTED: "asserted by its delegator",
    Standing.UNKNOWN: "",
}


def hop_lines(hop: Hop, now_ms: int, *, whole_ids: bool = False) -> list[Line]:
    """Describe a hop: its holder, its time, and its difference to the hop before it."""
    lines = [_holder(hop), *_annotation(hop), _until(hop, now_ms)]
    if whole_ids:
        lines.append(Line(Text(hop.link_id.hex(), "quiet")))
    if hop.index == 0:
        return [*lines, *may_lines(hop.link.scope), *_use_lines(hop), _depth(hop)]
    return [*lines, *_taken_lines(hop), *_use_lines(hop)]


def may_lines(scope: Scope) -> list[Line]:
    """List what a scope permits."""
    if not scope.capabilities:
        return [Line(Text.assemble(("may ", "label"), "nothing"))]
    described = [capability.describe() for capability in scope.capabilities]
    lines = [
        Line(Text.assemble(("may " if index == 0 else "    ", "label"), _said(text)), hang=6)
        for index, text in enumerate(described[:_MOST_LINES])
    ]
    return lines + _more(len(described))


def refused_line(mark: str, error: Refused) -> Line:
    """Say in red why something is refused."""
    return Line(Text.assemble((f"{mark} ", "refused"), (_said(str(error)), "refused")), hang=2)


def _use_lines(hop: Hop) -> list[Line]:
    """Say what was used of the hop's counts and budgets, by its holder and all below it."""
    lines = []
    for use in hop.uses[:_MOST_LINES]:
        what = f"{use.argument} of {use.audience}.{use.tool}" if use.argument else f"calls of {use.audience}.{use.tool}"
        text = Text.assemble(("used ", "label"), f"{visible(use.used)} of {visible(use.maximum)} ", _said(what))
        lines.append(Line(text, hang=5))
    return lines + _more(len(hop.uses))


def _holder(hop: Hop) -> Line:
    text = Text(visible(hop.link.holder_agent), "agent")
    if standing := _STANDING[hop.standing]:
        text.append(f"  {standing}", "warning" if hop.standing is Standing.ASSERTED else "quiet")
    if hop.owner:
        text.append(f"  of {visible(hop.owner)}", "quiet")
    if hop.revoked:
        text.append("  revoked", "refused")
    return Line(text, hang=2)


def _annotation(hop: Hop) -> list[Line]:
    """Show a purpose that is another than the one before: of the grant's alone anybody decides."""
    if not hop.annotates:
        return []
    text = Text.assemble(("purpose ", "label"), visible(hop.link.purpose), ("  an annotation", "quiet"))
    return [Line(text, hang=8)]


def _until(hop: Hop, now_ms: int) -> Line:
    link = hop.link
    over = link.expires_at_ms <= now_ms
    text = Text.assemble(("expired " if over else "until ", "label"), moment(link.expires_at_ms))
    text.append(f", {relative(link.expires_at_ms, now_ms)}", "refused" if over else "quiet")
    if link.not_before_ms > now_ms:
        text.append(f"; not before {moment(link.not_before_ms)}", "warning")
    return Line(text, hang=6)


def _depth(hop: Hop) -> Line:
    depth = hop.link.remaining_depth
    words = {0: "no handoff may follow", 1: "one handoff may follow"}.get(depth, f"up to {depth} handoffs may follow")
    return Line(Text(words, "quiet"))


def _taken_lines(hop: Hop) -> list[Line]:
    lines = [
        Line(Text.assemble((TAKEN, "taken"), (_said(_arrow(taken)), "taken")), hang=2)
        for taken in hop.taken[:_MOST_LINES]
    ]
    lines += _more(len(hop.taken))
    if hop.grew is not None:
        lines.append(refused_line("+", hop.grew))
    return lines or [Line(Text("takes nothing away", "quiet"))]


def _arrow(taken: str) -> str:
    return taken.replace(" -> ", " → ")


def _more(count: int) -> list[Line]:
    if count <= _MOST_LINES:
        return []
    return [Line(Text(f"    … and {count - _MOST_LINES} more; --json lists all", "quiet"))]


def _said(text: str) -> str:
    return visible(text, limit=_MOST_CHARACTERS)
