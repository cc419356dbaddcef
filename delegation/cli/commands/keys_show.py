"""`delegation keys show`: whom verifiers trust: the root and the service's keys, with their state."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.options import Json, ProfileFile


def show(
    *,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="DIR", show_default=False, help="A directory of keys; else the service's own."),
    ] = None,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Show the trust bundle, checked: its root, and the service's public keys. Private keys are never shown."""
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.bundle_table import plain_bundle, print_bundle
    from delegation_sdk.sources import Sources

    sources = Sources.system()
    if keys is not None:
        from delegation.cli.key_directories import read_signed_bundle

        bundle, root = read_signed_bundle(keys)
    else:
        from delegation.cli.connection import fetched_trust

        trust, root = fetched_trust(profile)
        bundle = trust.bundle
    if json:
        print_json(plain_bundle(bundle, root))
    else:
        print_bundle(console(), bundle, root, sources.now_ms())
