"""A database on disk, keys, and a clock that a test moves."""

from __future__ import annotations

import pytest

from delegation.identity.port import Caller, Ceiling, Role
from delegation.signing.port import ServiceKeys
from delegation.storage.sqlite import SqliteStorage
from support.chains import CHECKPOINTS, ISSUER, NOW_MS, STATEMENTS


class Clock:
    """Tells the time that it was set to."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys() -> ServiceKeys:
    return ServiceKeys(grant=ISSUER, statement=STATEMENTS, checkpoint=CHECKPOINTS)


@pytest.fixture
async def storage(tmp_path):
    opened = SqliteStorage(tmp_path / "service.sqlite3")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def everybody() -> Caller:
    """Somebody who may do everything."""
    return Caller(
        "spiffe://example.test/everybody", frozenset(Role), any_audience=True, ceiling=Ceiling.UNLIMITED, owner="tests"
    )
