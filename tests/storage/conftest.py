"""Every backend that the contract suite runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from delegation.storage.sqlite import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from delegation.storage.port import Storage


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Storage]:
    """Make a storage, not yet open; each one made in a test is over the same database."""
    del request  # the one backend so far
    return lambda: SqliteStorage(tmp_path / "delegation.db")


@pytest.fixture
async def storage(backend: Callable[[], Storage]) -> AsyncIterator[Storage]:
    opened = backend()
    await opened.open()
    yield opened
    await opened.close()
