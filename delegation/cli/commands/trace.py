"""`delegation trace`: a task as the tree of its handoffs, with its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from delegation.cli.options import Json, ProfileFile

if TYPE_CHECKING:
    from delegation_sdk.client import Client

_MOST_CALLS: Final = 2_000


def trace(
    task: Annotated[
        str, typer.Argument(metavar="[TASK]", show_default=False, help="The id of a task; without it, lists tasks.")
    ] = "",
    *,
    active: Annotated[bool, typer.Option("--active", help="In a list: only tasks that are not over.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="In a list: at most so many, newest first.")] = 20,
    summary: Annotated[
        bool, typer.Option("--summary", help="Instead of the tree: who did what, was refused what, spent what.")
    ] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Show the ids of links and calls.")] = False,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Draw a task as the tree of its handoffs, with what each took away and the calls made on it.

    The handoffs are shown as the service recorded them.
    """
    from delegation.cli.connection import connected
    from delegation.cli.identifiers import parse_id
    from delegation.core.limits import TASK_ID_BYTES

    task_id = parse_id(task, TASK_ID_BYTES, "task") if task else None
    if summary and task_id is None:
        raise typer.BadParameter("a summary is of one task: give its id")
    with connected(profile) as client:
        if task_id is None:
            _list(client, active_only=active, limit=limit, json=json)
        elif summary:
            _sum_up(client, task_id, json=json)
        else:
            _draw(client, task_id, ids=ids, json=json)


def _draw(client: Client, task_id: bytes, *, ids: bool, json: bool) -> None:
    from delegation.cli.hops import hops_of_records
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.plain import plain_call, plain_hop, plain_task
    from delegation.cli.views.task_tree import print_task
    from delegation_sdk.sources import Sources

    task, links = client.lineage.get_task(task_id)
    found = client.lineage.search_calls(task_id=task_id, limit=_MOST_CALLS)
    hops = hops_of_records(links)
    if json:
        print_json(
            {
                "task": plain_task(task),
                "links": [plain_hop(hop) for hop in hops],
                "calls": [plain_call(call) for call in found.items],
                "more_calls": found.more,
            }
        )
        return
    out = console()
    print_task(out, task, hops, found.items, Sources.system().now_ms(), whole_ids=ids)
    if found.more:
        out.print(f"Only the newest {_MOST_CALLS} calls are shown.", style="quiet")


def _sum_up(client: Client, task_id: bytes, *, json: bool) -> None:
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.task_summary import plain_summary, print_summary
    from delegation_sdk.sources import Sources

    summary = client.lineage.task_summary(task_id)
    if json:
        print_json(plain_summary(summary))
        return
    print_summary(console(), summary, Sources.system().now_ms())


def _list(client: Client, *, active_only: bool, limit: int, json: bool) -> None:
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.plain import plain_task
    from delegation.cli.views.task_table import print_tasks
    from delegation_sdk.sources import Sources

    found = client.lineage.list_tasks(active_only=active_only, limit=limit)
    if json:
        print_json({"tasks": [plain_task(task) for task in found.items], "more": found.more})
        return
    out = console()
    if not found.items:
        out.print("No tasks.", style="quiet")
    print_tasks(out, found.items, Sources.system().now_ms())
