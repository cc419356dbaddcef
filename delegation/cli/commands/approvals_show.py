"""`delegation approvals show`: everything that an approver has to know of one request."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.options import Json, ProfileFile


def show(
    request: Annotated[str, typer.Argument(metavar="REQUEST", show_default=False, help="The id of a request.")],
    *,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Show a request for approval: the call with its arguments, who is behind it, who has answered."""
    from delegation.cli.connection import connected
    from delegation.cli.identifiers import parse_id
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.approval import plain_request, print_request
    from delegation.wire.approvals import REQUEST_ID_BYTES
    from delegation_sdk.sources import Sources

    request_id = parse_id(request, REQUEST_ID_BYTES, "request")
    with connected(profile) as client:
        found = client.approvals.get(request_id)
    if json:
        print_json(plain_request(found))
    else:
        print_request(console(), found, Sources.system().now_ms())
