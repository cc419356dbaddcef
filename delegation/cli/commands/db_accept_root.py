"""`delegation db accept-root`: an operator has made a new root key, and says so."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.commands.serve import ConfigFile, Development, StateDirectory
from delegation.cli.options import Json


def accept_root(
    root: Annotated[
        str, typer.Argument(metavar="ROOT", show_default=False, help="The new root's public key: the text of root.pub.")
    ],
    config: ConfigFile = None,
    dev: Development = False,
    state_dir: StateDirectory = None,
    *,
    because: Annotated[
        str, typer.Option(metavar="TEXT", show_default=False, help="Why there is a new root, for the record.")
    ],
    json: Json = False,
) -> None:
    """Let the service go on with its database under another root key.

    A database is served under the root key of its first start; another one in the directory of keys is refused, since
    whoever can write there could have put it there. Take ROOT from where you have made the root, not from the service.
    """
    from delegation.app.pinned_root import accept_root as accept
    from delegation.cli.terminal import console, print_json
    from delegation.errors import ConfigError
    from delegation.server.config import load_config

    if not because.strip():
        raise ConfigError("--because is empty: say why there is a new root")
    former, accepted = accept(load_config(config, dev=dev or None, state_dir=state_dir), root, because)
    if json:
        print_json({"changed": former != accepted})
        return
    said = "is served under this root already" if former == accepted else "will be served under this root"
    console().print(f"The database {said}. The service can be started.", soft_wrap=True)
