"""Every backend that the contract suite runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delegation.storage.postgres import PostgresServer, PostgresStorage
from delegation.storage.sqlite import SqliteStorage
from support.postgres import running_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from delegation.storage.port import Storage
    from support.postgres import Cluster


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One PostgreSQL for all tests of this directory; none may stop it."""
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Storage]:
    """Make a storage, not yet open; each one made in a test is over the same database."""
    if request.param == "sqlite":
        return lambda: SqliteStorage(tmp_path / "delegation.db")
    server = PostgresServer(request.getfixturevalue("postgres").new_database())
    return lambda: PostgresStorage(server)


@pytest.fixture
async def storage(backend: Callable[[], Storage]) -> AsyncIterator[Storage]:
    opened = backend()
    await opened.open()
    yield opened
    await opened.close()
