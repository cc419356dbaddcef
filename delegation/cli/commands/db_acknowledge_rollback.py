"""`delegation db acknowledge-rollback`: an operator knows that the database is older than what was given out."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.commands.serve import ConfigFile, Development, StateDirectory
from delegation.cli.options import Json


def acknowledge_rollback(
    config: ConfigFile = None,
    dev: Development = False,
    state_dir: StateDirectory = None,
    *,
    because: Annotated[
        str, typer.Option(metavar="TEXT", show_default=False, help="What happened and what was done, for the record.")
    ],
    json: Json = False,
) -> None:
    """Let the service go on with a database that was restored from a backup.

    The revocation feed then goes on far beyond what was given out before, so that guards take it; and no proof signed
    before now is taken. Revocations since the backup stay missing: revoke again what they revoked.
    """
    from delegation.app.backup import acknowledge
    from delegation.cli.terminal import console, print_json
    from delegation.errors import ConfigError
    from delegation.server.config import load_config

    if not because.strip():
        raise ConfigError("--because is empty: say what happened")
    position = acknowledge(load_config(config, dev=dev or None, state_dir=state_dir), because)
    if json:
        print_json({"feed_position": position})
        return
    console().print(f"The revocation feed goes on after {position}. The service can be started.", soft_wrap=True)
