"""`delegation config show`: the whole configuration, with its defaults, and where each value comes from."""

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
    """Show the configuration that `delegation serve` would have with the same options, as TOML.

    Beside each value stands where it comes from. Secrets are not in it: they are files, or variables read elsewhere.
    """
    from delegation.cli.terminal import print_json
    from delegation.server.config import load_config_with_origins

    configured, origins = load_config_with_origins(config, dev=dev or None, listen=listen, state_dir=state_dir)
    if json:
        from delegation.cli.views.toml import leaves

        shown = configured.shown()
        print_json({"settings": shown, "origins": {".".join(map(str, at)): origins.of(at) for at in leaves(shown)}})
        return
    from delegation.cli.terminal import console
    from delegation.cli.views.toml import toml_lines

    out = console()
    for line in toml_lines(configured.shown(), origin=origins.of):
        out.print(line, soft_wrap=True)
