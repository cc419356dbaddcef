"""`delegation revoke`: takes authority back at once, after saying what falls."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from delegation.cli.options import Json, ProfileFile

if TYPE_CHECKING:
    from delegation.core.revocation import RevocationKind
    from delegation_sdk.client import Client
    from delegation_sdk.delegation import Delegation


class Kind(StrEnum):
    """What can be revoked, as it is typed."""

    LINK = "link"
    TASK = "task"
    AGENT = "agent"
    HOLDER_KEY = "holder-key"
    PRINCIPAL = "principal"
    ISSUER_KEY = "issuer-key"


def revoke(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", show_default=False, help=f"One of {', '.join(Kind)}.")],
    id: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            show_default=False,
            help="Its id: hexadecimal; for an agent its URI, for a principal its subject.",
        ),
    ],
    *,
    issuer: Annotated[str, typer.Option(show_default=False, help="For a principal: who vouches for the subject.")] = "",
    because: Annotated[str, typer.Option(metavar="TEXT", show_default=False, help="Why, for the record.")] = "",
    holder: Annotated[
        Path | None,
        typer.Option(
            "--as",
            metavar="FILE",
            show_default=False,
            help="For a link: a delegation above it, exported with its key; else as the operator that the profile is.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Revoke a link with all below it, a task, an agent, a key or a principal. There is no way back."""
    from delegation.cli.connection import connected
    from delegation.cli.revocation_target import target_of
    from delegation.cli.terminal import console, print_json

    if holder is not None and kind is not Kind.LINK:
        raise typer.BadParameter("--as goes with a link: all else is for operators")
    revocation_kind, revoked_id = target_of(kind, id, issuer)
    with connected(profile) as client:
        if not yes:
            _ask(client, kind, revocation_kind, revoked_id, shown=id)
        position = client.revoke_id(
            revocation_kind, revoked_id, holder=_held(holder) if holder else None, justification=because
        )
    if json:
        print_json({"kind": str(revocation_kind), "id": revoked_id.hex(), "feed_position": position})
    else:
        console().print(f"Revoked, as of position {position} of the revocation feed.")


def _ask(client: Client, kind: Kind, revocation_kind: RevocationKind, revoked_id: bytes, *, shown: str) -> None:
    from delegation.cli.revocation_target import what_falls
    from delegation.cli.untrusted_text import visible

    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: say --yes to revoke without a question")
    for line in what_falls(client, revocation_kind, revoked_id):
        typer.echo(line)
    typer.confirm(f"Revoke the {kind} {visible(shown)}?", abort=True)


def _held(file: Path) -> Delegation:
    from delegation.cli.revocation_target import MAX_EXPORTED_BYTES
    from delegation.private_files import read_private
    from delegation_sdk.delegation import Delegation

    return Delegation.load(read_private(file, max_bytes=MAX_EXPORTED_BYTES).decode("ascii", "replace"))
