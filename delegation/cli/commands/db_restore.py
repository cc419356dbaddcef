"""`delegation db restore`: a copy of the database, put back where the service looks for it."""

from __future__ import annotations

from delegation.cli.commands.db_backup import CopyFile
from delegation.cli.commands.serve import ConfigFile, Development, StateDirectory
from delegation.cli.options import Json


def restore(
    file: CopyFile,
    config: ConfigFile = None,
    dev: Development = False,
    state_dir: StateDirectory = None,
    *,
    json: Json = False,
) -> None:
    """Put a copy of the SQLite database where the service's was. What is there is never overwritten.

    Whatever was revoked since the copy was made is missing in it. The service therefore refuses to start from it until
    `delegation db acknowledge-rollback` has been run.
    """
    from delegation.app.backup import restore_database
    from delegation.cli.terminal import console, print_json
    from delegation.server.config import load_config

    configured = load_config(config, dev=dev or None, state_dir=state_dir)
    facts = restore_database(configured, file)
    path = str(configured.database_path)
    if json:
        print_json({"database": path, "schema": facts.schema, "feed_position": facts.feed_position})
        return
    out = console()
    out.print(f"Restored {path}, schema {facts.schema}, revocation feed at {facts.feed_position}.", soft_wrap=True)
    out.print("What was revoked since is missing. Read docs/operations.md, then run", soft_wrap=True)
    out.print("  delegation db acknowledge-rollback --because ...", soft_wrap=True)
