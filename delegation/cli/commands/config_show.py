"""`delegation config show`: the whole configuration, with its defaults."""

from __future__ import annotations

from delegation.cli.commands.serve import ConfigFile, Development, Listen, StateDirectory
from delegation.cli.options import Json


def show(
    config: ConfigFile = None,
    dev: Development = False,
    listen: Listen = None,
    state_dir: StateDirectory = None,
    *,
    json: Json = False,
) -> None:
    """Show the configuration that `delegation serve` would have with the same options, as TOML. No secrets."""
    from delegation.cli.terminal import print_json
    from delegation.server.config import load_config

    shown = load_config(config, dev=dev or None, listen=listen, state_dir=state_dir).shown()
    if json:
        print_json(shown)
        return
    from delegation.cli.terminal import console
    from delegation.cli.views.toml import toml_lines

    out = console()
    for line in toml_lines(shown):
        out.print(line, soft_wrap=True)
