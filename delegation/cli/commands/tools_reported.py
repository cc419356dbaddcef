"""`delegation tools reported`: what tools have said of themselves, and how that differs from the catalogue."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.options import Json, ProfileFile


def reported(
    *,
    audience: Annotated[str, typer.Option(show_default=False, help="Tools of this audience only.")] = "",
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """List the tools that are not as the catalogue has them; exit code 1 if there are any.

    For operators and auditors. Guards tell the service what they serve; it compares that with the catalogue in use.
    """
    from delegation.cli.connection import connected
    from delegation.cli.exit_codes import REFUSED
    from delegation.cli.terminal import console, print_json

    with connected(profile) as client:
        reports = [each for each in client.tool_reports() if audience in {"", each.audience}]
    if json:
        from delegation.cli.views.tool_reports import plain_reports

        print_json(plain_reports(reports))
    else:
        from delegation.cli.views.tool_reports import print_reports
        from delegation_sdk.sources import Sources

        print_reports(console(), reports, Sources.system().now_ms())
    if any(each.differences for each in reports):
        raise typer.Exit(REFUSED)
