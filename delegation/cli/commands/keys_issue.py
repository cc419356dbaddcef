"""`delegation keys issue`: gives an identity its certificate and profile, from the development CA."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.commands.serve import StateDirectory
from delegation.cli.options import Json


def issue(
    spiffe_id: Annotated[
        str, typer.Argument(metavar="SPIFFE_ID", show_default=False, help="Whom: spiffe://dev.internal/agent/planner.")
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default=False, help="Where to; else profiles/PATH of the state directory."),
    ] = None,
    target: Annotated[
        str, typer.Option(metavar="ADDRESS", show_default=False, help="Where the service listens; else as it last did.")
    ] = "",
    state_dir: StateDirectory = None,
    json: Json = False,
) -> None:
    """Issue a development identity: a certificate with its key, and the profile to connect with.

    For the service that `delegation serve --dev` runs from the same state directory.
    """
    from delegation.app import issue_development_profile
    from delegation.app.key_files import read_root_public
    from delegation.cli.terminal import print_json
    from delegation.errors import ConfigError
    from delegation.identity.profile import PROFILE_FILE
    from delegation.server.config import load_config
    from delegation_sdk.profile import Profile

    config = load_config(dev=True, state_dir=state_dir)
    developer = config.state_dir / PROFILE_FILE
    if not developer.exists():
        raise ConfigError(f"there is no {developer}: start `delegation serve --dev` there first, or set --state-dir")
    profile = issue_development_profile(
        config,
        spiffe_id,
        target=target or Profile.load(developer).target,
        trust_root=read_root_public(config.keys_directory),
        directory=out,
    )
    if json:
        print_json({"agent": spiffe_id, "profile": str(profile)})
    else:
        typer.echo(profile)
