"""`delegation db backup`: a copy of the database, taken while the service runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.commands.serve import ConfigFile, Development, StateDirectory
from delegation.cli.options import Json

CopyFile = Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="The copy.")]


def backup(
    file: CopyFile,
    config: ConfigFile = None,
    dev: Development = False,
    state_dir: StateDirectory = None,
    *,
    json: Json = False,
) -> None:
    """Copy the SQLite database into a new FILE, of one moment, and verify the copy. The service may run meanwhile.

    The keys are not in it: keep a copy of their directory as well. For PostgreSQL use pg_dump.
    """
    from delegation.app.backup import backup_database
    from delegation.cli.terminal import console, print_json
    from delegation.server.config import load_config

    facts = backup_database(load_config(config, dev=dev or None, state_dir=state_dir), file)
    size = file.stat().st_size
    if json:
        print_json({"file": str(file), "bytes": size, "schema": facts.schema, "feed_position": facts.feed_position})
        return
    said = f"{size} bytes, schema {facts.schema}, revocation feed at {facts.feed_position}"
    console().print(f"Copied and verified: {file}, {said}.", soft_wrap=True)
