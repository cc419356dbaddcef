"""`delegation version`."""

from __future__ import annotations

import typer

from delegation.cli.options import Json


def version(json: Json = False) -> None:
    """Show the version of this program and of the token format it speaks."""
    from importlib.metadata import version as installed

    from delegation.core.limits import FORMAT_VERSION

    found = installed("delegation-chain")
    if json:
        from delegation.cli.terminal import print_json

        print_json({"version": found, "token_format": FORMAT_VERSION})
    else:
        typer.echo(f"delegation {found}, token format {FORMAT_VERSION}")
