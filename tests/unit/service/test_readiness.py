"""Ready is who can write, follows the revocation feed, and has a database that is no older than what it has seen."""

from __future__ import annotations

import pytest

from delegation.core.revocation import RevocationKind
from delegation.core.trust import KeyPurpose
from delegation.errors import StorageError
from delegation.service.readiness import Readiness
from delegation.storage.records import RevocationRecord
from delegation.storage.sqlite import SqliteStorage


class Feed:
    """As much of a feed as readiness looks at: where it is."""

    def __init__(self, position: int) -> None:
        self.position = position


@pytest.fixture
async def storage(tmp_path):
    opened = SqliteStorage(tmp_path / "delegation.sqlite3")
    await opened.open()
    await opened.revoke([RevocationRecord(str(RevocationKind.AGENT), b"agent", 1, 10**15, "somebody", "")])
    yield opened
    await opened.close()


async def test_where_the_feed_is_followed_it_is_ready_again_and_again(storage):
    ready = Readiness(storage, Feed(1))
    for _ in range(3):
        await ready()
    assert ready.feed_age_s() < 60


async def test_a_feed_that_is_a_moment_behind_is_no_reason_and_one_that_stays_behind_is(storage):
    feed = Feed(0)
    ready = Readiness(storage, feed)
    await ready()
    with pytest.raises(StorageError, match="not followed beyond 0"):
        await ready()
    feed.position = 1
    await ready()


async def test_purposes_that_nothing_can_be_signed_for_are_told_as_they_come_and_go(storage):
    lacking = [KeyPurpose.GRANT]
    ready = Readiness(storage, Feed(1), lambda: lacking)
    assert await ready() == {KeyPurpose.GRANT}
    lacking.clear()
    assert await ready() == frozenset()


async def test_a_database_that_has_gone_back_is_a_reason(storage):
    with pytest.raises(StorageError, match="gone back, from 2 to 1"):
        await Readiness(storage, Feed(2))()


async def test_a_database_that_is_closed_is_a_reason(storage):
    await storage.close()
    with pytest.raises(StorageError):
        await Readiness(storage, Feed(1))()
