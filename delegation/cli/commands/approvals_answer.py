"""`delegation approvals approve` and `refuse`: an answer, after showing what it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.options import ProfileFile

_Request = Annotated[str, typer.Argument(metavar="REQUEST", show_default=False, help="The id of a request.")]
_Because = Annotated[str, typer.Option(metavar="TEXT", show_default=False, help="Why, for the record.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def approve(request: _Request, *, because: _Because = "", yes: _Yes = False, profile: ProfileFile = None) -> None:
    """Consent to one call, with just these arguments, once. It is shown, and you are asked, before that is said."""
    _answer(request, approving=True, because=because, yes=yes, profile=profile)


def refuse(request: _Request, *, because: _Because = "", yes: _Yes = False, profile: ProfileFile = None) -> None:
    """Refuse a request for approval: whatever others answer, it is over."""
    _answer(request, approving=False, because=because, yes=yes, profile=profile)


def _answer(request: str, *, approving: bool, because: str, yes: bool, profile: Path | None) -> None:
    from delegation.cli.connection import connected
    from delegation.cli.identifiers import parse_id
    from delegation.cli.terminal import console
    from delegation.cli.views.approval import print_request, state_words
    from delegation.wire.approvals import REQUEST_ID_BYTES
    from delegation_sdk.sources import Sources

    request_id = parse_id(request, REQUEST_ID_BYTES, "request")
    out, now_ms = console(), Sources.system().now_ms()
    with connected(profile) as client:
        seen = client.approvals.get(request_id)
        print_request(out, seen, now_ms)
        if not yes:
            typer.confirm("Approve this call?" if approving else "Refuse this call?", abort=True)
        after = client.approvals.answer(seen, approve=approving, justification=because)
    out.print(f"{'Approved' if approving else 'Refused'}: the request is {state_words(after)}.")
