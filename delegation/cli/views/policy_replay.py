"""What another policy would have decided differently: counts by tool and rule, then call by call."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.times import moment
from delegation.service.policy_replay import Change, Differing, Kind, Report

_SHOWN: Final = 50
_MOST_PADDING: Final = 40
_STYLES: Final = {Kind.PERMITTED: "allowed", Kind.REFUSED: "refused", Kind.APPROVAL: "warning", Kind.SIGN_IN: "warning"}


def print_report(console: Console, found: Report, since_ms: int) -> None:
    """Print what came of it."""
    lines = [*_head(found, since_ms), *_groups(found)]
    for differing in found.differing[:_SHOWN]:
        lines += _call(differing)
    hidden = found.differs - min(len(found.differing), _SHOWN)
    if hidden > 0:
        lines.append(Text(f"{hidden:,} more differ; --json tells up to 1,000", "quiet"))
    if found.more:
        lines.append(Text("There are older ones, which were not looked at: --limit", "warning"))
    for line in lines:
        console.print(line, soft_wrap=True)


def _head(found: Report, since_ms: int) -> list[Text]:
    untold = found.untold.total()
    words = f"{_counted(found.asked)} since {moment(since_ms)}: {found.same:,} decided as before"
    parts = [Text(words), Text(f"{found.differs:,} differently", "warning" if found.differs else "allowed")]
    if untold:
        parts.append(Text(f"{untold:,} cannot be told", "warning"))
    lines = [Text(", ").join(parts)]
    if found.rebuilt:
        lines.append(Text(f"Of {_counted(found.rebuilt)}, rules read what was rebuilt from other records.", "quiet"))
    if found.apart:
        why = ", ".join(f"{count:,} {reason}" for reason, count in found.apart.most_common())
        lines.append(Text(f"{_counted(found.apart.total())} beside, not for rules to decide: {why}.", "quiet"))
    return lines


def _groups(found: Report) -> list[Text]:
    rows = [(count, each.tool, _changed(each)) for each, count in found.changes.most_common()]
    rows += [(count, each.tool, Text(f"cannot be told: {visible(each.why)}", "warning"))
             for each, count in found.untold.most_common()]  # fmt: skip
    if not rows:
        return []
    width = min(max(len(visible(tool)) for _, tool, _ in rows), _MOST_PADDING)
    return [
        Text(),
        *(Text.assemble(f"{count:>7,}  ", (f"{visible(tool):<{width}}", "agent"), "  ", words)
          for count, tool, words in rows),
        Text(),
    ]  # fmt: skip


def _changed(change: Change) -> Text:
    by = f" by {visible(', '.join(change.rules))}" if change.rules else ""
    return Text.assemble(f"{change.then}, now ", (f"{change.now}", _STYLES[change.now]), by)


def _call(differing: Differing) -> list[Text]:
    call, replayed = differing
    change = Change(f"{call.audience}.{call.tool}", replayed.then, replayed.now or replayed.then, replayed.rules)
    head = Text.assemble(
        (f"{moment(call.decided_at_ms)}  {call.call_id.hex()}  ", "quiet"),
        (visible(change.tool), "agent"), "  ", _changed(change),
    )  # fmt: skip
    by = f"    by {visible(call.agent)}"
    if call.principal_subject != call.agent:
        by += f" for {visible(call.principal_subject)}"
    rebuilt = f"; rebuilt: {', '.join(replayed.rebuilt)}" if replayed.rebuilt else ""
    return [head, Text(f"{by}{rebuilt}", "quiet")]


def _counted(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls:,} calls"


def plain_report(found: Report, digest: bytes, since_ms: int) -> dict[str, Any]:
    """Write the same as plain data, with every call that differs, up to what a report holds."""
    return {
        "policy_digest": digest.hex(),
        "since_ms": since_ms,
        "calls": found.calls,
        "asked": found.asked,
        "same": found.same,
        "different": found.differs,
        "cannot_be_told": found.untold.total(),
        "rebuilt": found.rebuilt,
        "not_for_rules": dict(found.apart),
        "changes": [
            {"tool": each.tool, "then": each.then, "now": each.now, "rules": list(each.rules), "calls": count}
            for each, count in found.changes.most_common()
        ],
        "untold": [{"tool": each.tool, "why": each.why, "calls": count} for each, count in found.untold.most_common()],
        "differing": [_plain_call(each) for each in found.differing],
        "more": found.more,
    }


def _plain_call(differing: Differing) -> dict[str, Any]:
    call, replayed = differing
    return {
        "call_id": call.call_id.hex(),
        "task_id": call.task_id.hex() if call.task_id else None,
        "audience": call.audience,
        "tool": call.tool,
        "agent": call.agent,
        "principal": call.principal_subject,
        "decided_at_ms": call.decided_at_ms,
        "then": replayed.then,
        "now": replayed.now,
        "rules": list(replayed.rules),
        "rebuilt": list(replayed.rebuilt),
    }
