"""A suggested scope: the Python or TOML to take it over, what it rests on, and how it was tried."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.toml import toml_lines
from delegation.core.notation import scope_to_plain
from delegation_sdk.least_privilege.builder_code import builder_code
from delegation_sdk.least_privilege.suggest import Basis, SuggestedTool
from delegation_sdk.least_privilege.suggestion import Suggestion

_MOST_CHARACTERS: Final = 160
_MOST_REFUSED: Final = 10

_BASIS: Final = {
    Basis.CALLS: "",
    Basis.GRANTED: "arguments as granted",
    Basis.NOTHING: "any arguments",
}


def print_suggestion(console: Console, found: Suggestion, purpose: str) -> None:
    """Print a suggestion as the Python that builds it, and what is to be known of it."""
    if not found.tools:
        _nothing(console, found, purpose)
        return
    console.print(Text(builder_code(found.scope)), soft_wrap=True)  # it must be pasted as it is
    console.print()
    for line in _lines(found):
        console.print(line)


def print_toml(console: Console, found: Suggestion, purpose: str) -> None:
    """Print a suggestion as TOML; what is to be known of it as comments."""
    for written in toml_lines({"scope": scope_to_plain(found.scope)}):
        console.print(Text(written), soft_wrap=True)
    console.print()
    console.print(Text(f"# for {_said(purpose)}"), soft_wrap=True)
    for line in _lines(found):
        console.print(Text(f"# {line.plain}"), soft_wrap=True)


def _nothing(console: Console, found: Suggestion, purpose: str) -> None:
    what = "no permitted calls were made in them" if found.tasks else "there are none that you may see"
    console.print(Text(f"Nothing to suggest: of tasks for “{_said(purpose)}” {what}."))


def _lines(found: Suggestion) -> list[Text]:
    lines = [_tried(found)]
    lines += [Text(f"refused: {_said('.'.join(pair))}: {_said(str(error))}", "refused")
              for pair, error in found.trial.refused[:_MOST_REFUSED]]  # fmt: skip
    lines += [_rests_on(tool) for tool in found.tools]
    if found.trial.undecided:
        lines.append(
            Text(
                f"Of {found.trial.undecided:,} calls it cannot be told: a budget's amount was not recorded.", "warning"
            )
        )
    if any(tool.unknown for tool in found.tools):
        lines.append(
            Text(
                "Arguments that are not recorded as they are cannot be generalised: `record` in the catalogue "
                "has them kept.",
                "warning",
            )
        )
    if found.more_tasks or found.more_calls:
        lines.append(Text("There were more tasks or calls, which were not looked at: --tasks and --calls.", "warning"))
    return lines


def _tried(found: Suggestion) -> Text:
    trial = found.trial
    tasks = "1 task" if found.tasks == 1 else f"{found.tasks:,} tasks"
    text = Text(
        f"It permits {trial.permitted:,} of the {trial.calls:,} calls of {tasks}",
        "allowed" if trial.permitted == trial.calls else "refused",
    )
    if trial.by_granted:
        text.append(f", {trial.by_granted:,} of them by covering what was granted")
    return text.append(".")


def _rests_on(tool: SuggestedTool) -> Text:
    pair = _said(f"{tool.capability.audience}.{tool.capability.tool}")
    text = Text.assemble((pair, "agent"), f"  {tool.calls:,} calls in {tool.tasks:,} tasks")
    if words := _BASIS[tool.basis]:
        text.append(f"  {words}", "warning")
    if tool.unknown:
        text.append(f", not all recorded of {tool.unknown:,} calls", "quiet")
    return text


def _said(text: str) -> str:
    return visible(text, limit=_MOST_CHARACTERS)
