"""`delegation approvals approve` and `refuse`: an answer, after showing what it is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from delegation.cli.commands.approvals_make_key import ApprovalKeyPassphraseFile
from delegation.cli.options import ProfileFile

if TYPE_CHECKING:
    from delegation.core.keys import Signer

_Request = Annotated[str, typer.Argument(metavar="REQUEST", show_default=False, help="The id of a request.")]
_Because = Annotated[str, typer.Option(metavar="TEXT", show_default=False, help="Why, for the record.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def approve(
    request: _Request,
    *,
    because: _Because = "",
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", metavar="DIR", show_default=False, help="The directory of your own key, which signs what is shown."
        ),
    ] = None,
    key_passphrase_file: ApprovalKeyPassphraseFile = None,
    yes: _Yes = False,
    profile: ProfileFile = None,
) -> None:
    """Consent to one call, with just these arguments, once. It is shown, and you are asked, before that is said.

    With --key it is signed: this program writes down what it has shown, and your key signs that.
    """

    def signer() -> Signer | None:
        return _opened(key, key_passphrase_file) if key is not None else None

    _answer(request, signer, approving=True, because=because, yes=yes, profile=profile)


def refuse(request: _Request, *, because: _Because = "", yes: _Yes = False, profile: ProfileFile = None) -> None:
    """Refuse a request for approval: whatever others answer, it is over."""
    _answer(request, lambda: None, approving=False, because=because, yes=yes, profile=profile)


def _opened(key: Path, passphrase_file: Path | None) -> Signer:
    from delegation.app.approval_key import open_approval_key
    from delegation.cli.passphrases import passphrase_of

    what = f"the key in {key}"
    given = passphrase_of(what, passphrase_file, "--key-passphrase-file", from_environment=False, new=False)
    return open_approval_key(key, given)


def _answer(
    request: str,
    signer: Callable[[], Signer | None],
    *,
    approving: bool,
    because: str,
    yes: bool,
    profile: Path | None,
) -> None:
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
        after = client.approvals.answer(seen, approve=approving, justification=because, key=signer())
    out.print(f"{'Approved' if approving else 'Refused'}: the request is {state_words(after)}.")
