"""`delegation approvals withdraw`: takes a request back."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.options import ProfileFile


def withdraw(
    request: Annotated[str, typer.Argument(metavar="REQUEST", show_default=False, help="The id of a request.")],
    *,
    profile: ProfileFile = None,
) -> None:
    """Take a request for approval back, as whoever has made it or as an operator; what was approved counts no more."""
    from delegation.cli.connection import connected
    from delegation.cli.identifiers import parse_id
    from delegation.cli.terminal import console
    from delegation.wire.approvals import REQUEST_ID_BYTES

    request_id = parse_id(request, REQUEST_ID_BYTES, "request")
    with connected(profile) as client:
        client.approvals.withdraw(request_id)
    console().print(f"The request {request_id.hex()} is withdrawn.")
