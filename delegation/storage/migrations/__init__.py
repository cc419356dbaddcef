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

from delegation.errors import ConfigError, StorageError

if TYPE_CHECKING:
    import sqlalchemy as sa

HEAD: Final = "0005"
"""The revision this program needs."""


def upgrade(connection: sa.Connection, to: str = HEAD) -> tuple[str | None, str]:
    """Run the missing migrations on a connection whose transaction the caller commits.

    Returns the revision before (None: the database was empty) and after.

    Raises:
        StorageError: With reason `schema_newer`, if the database has a revision unknown here.
    """
    current = revision_of(connection)
    if current != to:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
    return current, to


def create_or_require(connection: sa.Connection) -> None:
    """Make the schema in an empty database; require it to be this program's in any other.

    Raises:
        StorageError: With reason `schema_newer`, if the database has a revision unknown here.
        ConfigError: The schema is older; replicas that still run may rely on it, so the operator says when.
    """
    current = revision_of(connection)
    if current is None:
        upgrade(connection)
    elif current != HEAD:
        raise ConfigError(
            f"the database has schema {current}, this program needs {HEAD}:"
            " run `delegation db upgrade`, then start again"
        )


def revision_of(connection: sa.Connection) -> str | None:
    """Return a database's revision; None if it has no schema yet. Raises `StorageError` if it is unknown here."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current not in (None, HEAD) and current not in revisions():
        raise newer_schema(current)
    return current


def revisions() -> list[str]:
    """Return all revisions that this program knows, oldest first."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return [script.revision for script in scripts][::-1]


def newer_schema(revision: str) -> StorageError:
    """Make the error for a database that a later program has changed."""
    return StorageError(
        "schema_newer",
        f"the database has schema {revision}, which is newer than this program's {HEAD}: "
        "run the newer program, or restore a backup made before the upgrade",
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
