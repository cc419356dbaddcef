"""What was granted in a task and never used, drawn as the tree of its handoffs."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.chain_tree import print_fields
from delegation.cli.views.tree import Line, Node, print_tree
from delegation.core.lineage import RecordedTask
from delegation_sdk.least_privilege.unused import LinkUse, TaskUse

_MOST_LINES: Final = 24
"""Tools of one link that are listed one by one."""
_MOST_CHARACTERS: Final = 320


def print_unused(console: Console, task: RecordedTask, use: TaskUse) -> None:
    """Print what was used of each link of a task, and what was not."""
    print_fields(
        console,
        [
            ("task", Text(task.task_id.hex())),
            ("purpose", Text(visible(task.purpose))),
            ("calls", Text(f"{use.calls:,} permitted")),
        ],
    )
    console.print()
    for root in _trees(use):
        print_tree(console, root)
    if use.elsewhere:
        console.print(f"{use.elsewhere:,} calls were made on links that are not recorded.", style="warning")
    if use.more:
        console.print(
            "There are older calls, which were not looked at: what seems unused may have been used. --calls looks "
            "at more.",
            style="warning",
        )


def _trees(use: TaskUse) -> list[Node]:
    nodes: dict[bytes, Node] = {}
    roots: list[Node] = []
    for link in sorted(use.links, key=lambda each: each.index):
        node = nodes[link.link_id] = Node(_lines(link))
        parent = nodes.get(link.parent_link_id or b"")
        (roots if parent is None else parent.children).append(node)
    return roots


def _lines(link: LinkUse) -> list[Line]:
    head = Text(visible(link.holder_agent), "agent")
    head.append("  grant" if link.index == 0 else "", "quiet")
    if link.revoked:
        head.append("  revoked or replaced", "quiet")
    lines = [Line(head, hang=2)]
    unused = link.unused
    granted, never = len(link.scope.by_pair), len(unused.by_pair)
    lines.append(Line(_summary(granted, never)))
    lines += [
        Line(Text.assemble(("never ", "taken"), _said(each.describe())), hang=6)
        for each in unused.capabilities[:_MOST_LINES]
    ]
    lines += _more(never)
    used = [(pair, link.calls[pair]) for pair in link.scope.by_pair if link.calls.get(pair)]
    lines += [
        Line(Text.assemble(("used  ", "label"), _said(".".join(pair)), f"  {_times(count)}"), hang=6)
        for pair, count in used[:_MOST_LINES]
    ]
    return lines + _more(len(used))


def _summary(granted: int, never: int) -> Text:
    if not granted:
        return Text("may nothing", "quiet")
    if not never:
        return Text("used everything that it may", "allowed")
    return Text(f"{never} of {granted} tools never used", "warning")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _more(count: int) -> list[Line]:
    if count <= _MOST_LINES:
        return []
    return [Line(Text(f"      … and {count - _MOST_LINES} more; --json lists all", "quiet"))]


def _said(text: str) -> str:
    return visible(text, limit=_MOST_CHARACTERS)
