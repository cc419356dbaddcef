"""A task drawn as the tree of its handoffs: what each took away, and the calls made on it, allowed and refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rich.console import Console
from rich.text import Text

from delegation.cli.hops import Hop
from delegation.cli.untrusted_text import visible
from delegation.cli.views.call_lines import call_head, result_text
from delegation.cli.views.chain_tree import principal_text, print_fields
from delegation.cli.views.hop_lines import hop_lines
from delegation.cli.views.task_table import state_text
from delegation.cli.views.times import moment
from delegation.cli.views.tree import Line, Node, print_tree
from delegation.core.lineage import RecordedCall, RecordedTask

_MOST_CALLS: Final = 20
"""Calls that are shown on one hop; `delegation calls --task` lists all."""


def print_task(
    console: Console,
    task: RecordedTask,
    hops: Sequence[Hop],
    calls: Sequence[RecordedCall],
    now_ms: int,
    *,
    whole_ids: bool = False,
) -> None:
    """Print a task.

    Args:
        console: Where.
        task: The task.
        hops: All its links, parents before children.
        calls: Its calls, newest first.
        now_ms: The time that relative times are relative to.
        whole_ids: Whether ids of links and calls are shown.
    """
    print_fields(console, _head(task, now_ms))
    console.print()
    by_link: dict[bytes, list[RecordedCall]] = defaultdict(list)
    for call in reversed(calls):
        by_link[call.leaf_link_id or b""].append(call)
    if task.completed_at_ms is not None:
        hops = [replace(hop, revoked=False) for hop in hops]  # all ended with the task, which the head says
    for root in _trees(hops, by_link, now_ms, whole_ids=whole_ids):
        print_tree(console, root)
    elsewhere = [call for link, found in by_link.items() if link not in {hop.link_id for hop in hops} for call in found]
    if elsewhere:
        console.print()
        head = Line(Text("calls on no recorded link", "warning"))
        print_tree(console, Node([head, *_call_lines(elsewhere, whole_ids=whole_ids)]))


def _head(task: RecordedTask, now_ms: int) -> list[tuple[str, Text]]:
    state = state_text(task, now_ms)
    if task.completed_at_ms is not None:
        state.append(f" by {visible(task.completed_by) or 'somebody'}", "quiet")
    return [
        ("task", Text(task.task_id.hex())),
        ("purpose", Text(visible(task.purpose))),
        ("for", principal_text(task.principal)),
        ("began", Text(moment(task.created_at_ms))),
        ("state", state),
    ]


def _trees(
    hops: Sequence[Hop],
    calls: dict[bytes, list[RecordedCall]],
    now_ms: int,
    *,
    whole_ids: bool,
) -> list[Node]:
    """Give the trees of a task: one, unless a parent is not among the links."""
    nodes: dict[bytes, Node] = {}
    roots: list[Node] = []
    for hop in sorted(hops, key=_order):
        lines = hop_lines(hop, now_ms, whole_ids=whole_ids)
        lines += _call_lines(calls.get(hop.link_id, []), whole_ids=whole_ids)
        node = nodes[hop.link_id] = Node(lines)
        parent = nodes.get(hop.parent_id or b"")
        (roots if parent is None else parent.children).append(node)
    return roots


def _order(hop: Hop) -> tuple[int, int, int, bytes]:
    """Put parents before children, and siblings in the order in which they were handed on."""
    return hop.index, hop.recorded_at_ms or 0, hop.link.issued_at_ms, hop.link_id


def _call_lines(calls: Sequence[RecordedCall], *, whole_ids: bool) -> list[Line]:
    lines: list[Line] = []
    if len(calls) > _MOST_CALLS:
        lines.append(Line(Text(f"… {len(calls) - _MOST_CALLS} earlier calls; `delegation calls` lists all", "quiet")))
    for call in calls[-_MOST_CALLS:]:
        head = call_head(call)
        head.append("  ")
        head.append_text(result_text(call))
        lines.append(Line(head, hang=2))
        if whole_ids:
            lines.append(Line(Text(f"  {call.call_id.hex()}", "quiet")))
    return lines
