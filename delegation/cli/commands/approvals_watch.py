"""`delegation approvals watch`: requests for approval as they are made, answered and used."""

from __future__ import annotations

import json as json_text
from typing import Annotated

import typer

from delegation.cli.options import ProfileFile


def watch(
    *,
    task: Annotated[str, typer.Option(metavar="TASK", show_default=False, help="Of this task only.")] = "",
    json: Annotated[bool, typer.Option("--json", help="A line of JSON each.")] = False,
    profile: ProfileFile = None,
) -> None:
    """Follow the requests for approval that you may answer, or have made, until you press Ctrl-C.

    What can be answered is printed, then each as it changes. `delegation approvals show` has the arguments.
    """
    from delegation.cli.connection import connected
    from delegation.cli.identifiers import parse_id
    from delegation.cli.terminal import console
    from delegation.cli.views.approval import plain_request, print_requests
    from delegation.core.limits import TASK_ID_BYTES
    from delegation_sdk.sources import Sources

    task_id = parse_id(task, TASK_ID_BYTES, "task") if task else None
    out, sources = console(), Sources.system()
    with connected(profile) as client, client.approvals.watch(task_id=task_id) as watching:
        try:
            for request in watching:
                if json:
                    typer.echo(json_text.dumps(plain_request(request)))
                else:
                    print_requests(out, [request], sources.now_ms())
        except KeyboardInterrupt:
            return
