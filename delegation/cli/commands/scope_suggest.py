"""`delegation scope suggest`: the tightest scope that would have served recorded calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from delegation.cli.options import Json, ProfileFile

if TYPE_CHECKING:
    from delegation_sdk.least_privilege.suggestion import Suggestion


def suggest(
    *,
    purpose: Annotated[
        str,
        typer.Option(show_default=False, help="The purpose of the tasks; * stands for what differs."),
    ],
    since: Annotated[
        str, typer.Option(metavar="TIME", show_default=False, help="Only tasks since then: 30d, or 2026-11-01.")
    ] = "",
    tasks: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many tasks, newest first.")] = 1_000,
    calls: Annotated[int, typer.Option(min=1, max=10_000_000, help="At most so many permitted calls.")] = 100_000,
    toml: Annotated[bool, typer.Option("--toml", help="Print the scope as TOML, for configuration files.")] = False,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Suggest the tightest scope that would have served all permitted calls of tasks with a purpose.

    It is tried on every one of these calls; exit code 1 if one would be refused. Of arguments that the catalogue
    does not have recorded as they are nothing can be said: what was granted for them stays.
    """
    from delegation.cli.connection import connected
    from delegation.cli.exit_codes import REFUSED
    from delegation.cli.moments import parse_since
    from delegation_sdk.sources import Sources

    since_ms = parse_since(since, Sources.system().now_ms()) if since else 0
    with connected(profile) as client:
        found = client.lineage.suggest_scope(purpose, since_ms=since_ms, max_tasks=tasks, max_calls=calls)
    _print(found, purpose, toml=toml, json=json)
    if found.trial.refused:
        raise typer.Exit(REFUSED)


def _print(found: Suggestion, purpose: str, *, toml: bool, json: bool) -> None:
    from delegation.cli.terminal import console, print_json

    if json:
        from delegation.cli.views.least_privilege_plain import plain_suggestion

        print_json(plain_suggestion(found, purpose))
        return
    from delegation.cli.views.suggested_scope import print_suggestion, print_toml

    (print_toml if toml else print_suggestion)(console(), found, purpose)
