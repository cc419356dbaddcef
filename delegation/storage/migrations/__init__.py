"""Brings a database's schema up to date; forward only.

There is no alembic.ini and no way down: a database that a later program has changed is refused,
because an older one cannot know what it would overwrite.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from delegation.errors import StorageError

if TYPE_CHECKING:
    import sqlalchemy as sa

HEAD: Final = "0001"
"""The revision this program needs."""


def upgrade(connection: sa.Connection) -> None:
    """Run the missing migrations on a connection whose transaction the caller commits.

    Raises:
        StorageError: With reason `schema_newer`, if the database has a revision unknown here.
    """
    current = MigrationContext.configure(connection).get_current_revision()
    if current == HEAD:
        return
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise newer_schema(current)
    command.upgrade(config, HEAD)


def newer_schema(revision: str) -> StorageError:
    """Make the error for a database that a later program has changed."""
    return StorageError(
        "schema_newer",
        f"the database has schema {revision}, which is newer than this program's {HEAD}: "
        "run the newer program, or restore a backup made before the upgrade",
    )
