"""`delegation approvals make-key`: makes an approver's own key, and says what the operator lists of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.options import Json

ApprovalKeyPassphraseFile = Annotated[
    Path | None,
    typer.Option("--key-passphrase-file", metavar="FILE", show_default=False, help="Of the key; else asked for."),
]


def make_key(
    *,
    key: Annotated[Path, typer.Option("--key", metavar="DIR", show_default=False, help="Where the key is made.")],
    key_passphrase_file: ApprovalKeyPassphraseFile = None,
    json: Json = False,
) -> None:
    """Make a key that signs what you approve, sealed under a passphrase. It stays with you; its public half is printed.

    Once the operator has listed that under your `approval_keys`, nothing counts as approved by you that it has not
    signed: not even by the service's word.
    """
    from delegation.app.approval_key import make_approval_key
    from delegation.cli.passphrases import passphrase_of
    from delegation.cli.terminal import console, print_json

    passphrase = passphrase_of(
        "the approval key", key_passphrase_file, "--key-passphrase-file", from_environment=False, new=True
    )
    public = make_approval_key(key, passphrase).hex()
    if json:
        print_json({"public_key": public})
        return
    out = console()
    out.print("The operator lists it at your identity, and restarts the service:", style="quiet")
    out.print(f'approval_keys = ["{public}"]', soft_wrap=True, markup=False, highlight=False)
