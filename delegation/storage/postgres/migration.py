"""The schema of a database that several replicas share: made once, upgraded when the operator says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from delegation.errors import DelegationError
from delegation.storage import migrations
from delegation.storage.postgres.connection import DRIVER_ERRORS, PostgresServer, cannot_connect, connect, unavailable
from delegation.storage.postgres.session import MIGRATION_LOCK

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def upgrade(server: PostgresServer) -> tuple[str | None, str]:
    """Run the missing migrations; return the revision before and after. Raises `StorageError`, `ConfigError`."""
    return await _alone(server, migrations.upgrade)


async def schema_for_serving(server: PostgresServer) -> None:
    """Make the schema if there is none. Raises `StorageError` if it is newer, `ConfigError` if it is older."""
    await _alone(server, migrations.create_or_require)


async def _alone(server: PostgresServer, work: Callable[[sa.Connection], T]) -> T:
    """Do something with the schema while no other replica does."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(server), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            # As long as the others take; the statements themselves may take their time, too.
            await connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            await connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            return await connection.run_sync(work)
    except DelegationError:
        raise
    except sa.exc.DBAPIError as error:
        raise unavailable(error.orig or error) from error
    except DRIVER_ERRORS as error:
        raise cannot_connect(server, error) from error
    finally:
        await engine.dispose()
