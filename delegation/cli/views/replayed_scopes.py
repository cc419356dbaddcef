"""Which grants and handoffs another policy would not have permitted."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.times import moment
from delegation.policy.port import Action
from delegation.service.policy_replay import DifferingScope, ScopesReport

_SHOWN: Final = 50
_WORDS: Final = {Action.GRANT: "granted", Action.HAND_OFF: "handed on"}


def print_scopes(console: Console, found: ScopesReport) -> None:
    """Print what came of it."""
    lines = [Text(), _head(found)]
    lines += [
        Text(f"{count:>7,}  {visible(each.tool)} {_WORDS[each.action]}, now {each.now}{_by(each.rules)}")
        for each, count in found.changes.most_common()
    ]
    lines += [
        Text(f"{count:>7,}  {visible(each.tool) or 'some'} cannot be told: {visible(each.why)}")
        for each, count in found.untold.most_common()
    ]
    lines += [_scope(each) for each in found.differing[:_SHOWN]]
    if found.more:
        lines.append(Text("There are older tasks, which were not looked at: --limit", "warning"))
    for line in lines:
        console.print(line, soft_wrap=True)


def _head(found: ScopesReport) -> Text:
    untold = found.untold.total()
    words = f"{found.given:,} grants and handoffs: {found.same:,} permitted as before, {found.differs:,} not"
    return Text(words + (f", {untold:,} cannot be told" if untold else ""))


def _scope(differing: DifferingScope) -> Text:
    (link, scope, _), asked = differing
    return Text.assemble(
        (f"{moment(link.recorded_at_ms)}  {link.link_id.hex()}  ", "quiet"),
        f"{visible(asked.tool)} {_WORDS[scope.action]} to {visible(scope.agents[-1])}",
        _by(asked.replayed.rules),
    )


def _by(rules: tuple[str, ...]) -> str:
    return f" by {visible(', '.join(rules))}" if rules else ""


def plain_scopes(found: ScopesReport) -> dict[str, Any]:
    """Write the same as plain data, with every scope that differs, up to what a report holds."""
    return {
        "given": found.given,
        "same": found.same,
        "different": found.differs,
        "cannot_be_told": found.untold.total(),
        "changes": [
            {"action": each.action, "tool": each.tool, "now": each.now, "rules": list(each.rules), "scopes": count}
            for each, count in found.changes.most_common()
        ],
        "untold": [
            {"tool": each.tool or None, "why": each.why, "scopes": count} for each, count in found.untold.most_common()
        ],
        "differing": [
            {
                "link_id": then.link.link_id.hex(),
                "action": then.scope.action,
                "agent": then.scope.agents[-1],
                "recorded_at_ms": then.link.recorded_at_ms,
                "tool": asked.tool,
                "now": asked.replayed.now,
                "rules": list(asked.replayed.rules),
            }
            for then, asked in found.differing
        ],
        "more": found.more,
    }
