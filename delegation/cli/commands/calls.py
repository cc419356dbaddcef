"""`delegation calls`: what was called, by whom, and how it was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from delegation.cli.options import Json, ProfileFile

if TYPE_CHECKING:
    from pathlib import Path


def calls(
    *,
    task: Annotated[str, typer.Option(metavar="ID", help="Only calls of this task.", show_default=False)] = "",
    audience: Annotated[str, typer.Option(help="Only calls at this audience.", show_default=False)] = "",
    tool: Annotated[str, typer.Option(help="Only calls of this tool.", show_default=False)] = "",
    agent: Annotated[str, typer.Option(help="Only calls by this agent.", show_default=False)] = "",
    allowed: Annotated[
        bool | None, typer.Option("--allowed/--refused", help="Only calls decided so.", show_default=False)
    ] = None,
    observed: Annotated[
        bool,
        typer.Option(
            "--observed", help="Only calls that are refused and ran, since their tools are under observation."
        ),
    ] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Count them by tool and reason, instead of listing them.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 20,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """List calls, newest first, allowed and refused. `delegation why` explains one."""
    from delegation.cli.connection import connected
    from delegation.cli.identifiers import parse_id
    from delegation.core.limits import TASK_ID_BYTES

    task_id = parse_id(task, TASK_ID_BYTES, "task") if task else None
    which: _Which = {
        "task_id": task_id,
        "audience": audience or None,
        "tool": tool or None,
        "agent": agent or None,
        "allowed": allowed,
        "observed": observed or None,
    }
    if summary:
        _count(which, json=json, profile=profile)
        return
    with connected(profile) as client:
        found = client.lineage.search_calls(**which, limit=limit)
    from delegation.cli.terminal import console, print_json

    if json:
        from delegation.cli.views.plain import plain_call

        print_json({"calls": [plain_call(call) for call in found.items], "more": found.more})
        return
    from delegation.cli.views.call_table import print_call_records, print_calls

    out = console()
    if not found.items:
        out.print("No such calls.", style="quiet")
    elif out.is_terminal:
        print_calls(out, found.items)
    else:
        print_call_records(out, found.items)
    if found.more and out.is_terminal:
        out.print("There are older ones: --limit shows more.", style="quiet")


class _Which(TypedDict):
    """Which calls; None does not restrict."""

    task_id: bytes | None
    audience: str | None
    tool: str | None
    agent: str | None
    allowed: bool | None
    observed: bool | None


def _count(which: _Which, *, json: bool, profile: Path | None) -> None:
    from delegation.cli.call_counts import count
    from delegation.cli.connection import connected
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.call_counts import plain_counts, print_counts

    with connected(profile) as client:
        counted = count(client.lineage.each_call(**which))
    if json:
        print_json(plain_counts(counted))
    elif counted.counts:
        print_counts(console(), counted)
    else:
        console().print("No such calls.", style="quiet")
