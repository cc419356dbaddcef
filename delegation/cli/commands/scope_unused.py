"""`delegation scope unused`: what was granted in a task and never used."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.options import Json, ProfileFile


def unused(
    task: Annotated[str, typer.Argument(metavar="TASK", show_default=False, help="The id of a task.")],
    *,
    calls: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="Look at so many permitted calls, newest first.")
    ] = 100_000,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Show what a task's grant and each of its handoffs permitted, and no permitted call ever used.

    What a handoff's holder used counts as used on every link above it.
    """
    from delegation.cli.connection import connected
    from delegation.cli.identifiers import parse_id
    from delegation.core.limits import TASK_ID_BYTES

    task_id = parse_id(task, TASK_ID_BYTES, "task")
    with connected(profile) as client:
        found, _ = client.lineage.get_task(task_id)
        use = client.lineage.scope_use(task_id, limit=calls)
    from delegation.cli.terminal import console, print_json

    if json:
        from delegation.cli.views.least_privilege_plain import plain_task_use

        print_json(plain_task_use(found, use))
        return
    from delegation.cli.views.unused_scope import print_unused

    print_unused(console(), found, use)
