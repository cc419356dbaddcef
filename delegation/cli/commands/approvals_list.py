"""`delegation approvals list`: who wants to do what, and waits for somebody's consent."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.options import Json, ProfileFile


def list_approvals(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    task: Annotated[str, typer.Option(metavar="TASK", show_default=False, help="Of this task only.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """List the requests for approval that you may answer, or have made; as an auditor or operator, all."""
    from delegation.cli.connection import connected
    from delegation.cli.identifiers import parse_id
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.approval import plain_request, print_requests
    from delegation.core.limits import TASK_ID_BYTES
    from delegation_sdk.sources import Sources

    task_id = parse_id(task, TASK_ID_BYTES, "task") if task else None
    with connected(profile) as client:
        found = client.approvals.list(pending_only=not everything, task_id=task_id, limit=limit)
    if json:
        print_json({"requests": [plain_request(each) for each in found.items], "more": found.more})
        return
    out = console()
    if not found.items:
        out.print("Nothing waits for approval." if not everything else "Nobody has asked for approval.", style="quiet")
        return
    print_requests(out, found.items, Sources.system().now_ms())
    if found.more:
        out.print("There are more: --limit shows them.", style="quiet")
