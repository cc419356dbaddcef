"""`delegation db upgrade`: brings the database's schema to what this program needs."""

from __future__ import annotations

from delegation.cli.commands.serve import ConfigFile, Development, StateDirectory
from delegation.cli.options import Json


def upgrade(
    config: ConfigFile = None, dev: Development = False, state_dir: StateDirectory = None, *, json: Json = False
) -> None:
    """Bring the database's schema up to date, as `delegation serve` needs it. Running again changes nothing.

    Replicas of the version before go on meanwhile. There is no way back but a backup, so make one first.
    """
    from delegation.app.database import upgrade_database
    from delegation.cli.terminal import console, print_json
    from delegation.server.config import load_config

    before, after = upgrade_database(load_config(config, dev=dev or None, state_dir=state_dir))
    if json:
        print_json({"before": before, "after": after})
    elif before == after:
        console().print(f"The database has schema {after}; there was nothing to do.")
    else:
        console().print(f"The database has schema {after}" + (f"; it had {before}." if before else "; it was empty."))
