"""Whoever hangs up in the middle: a revocation that was committed is told to everybody all the same."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing

import pytest

from delegation.core.revocation import RevocationKind
from delegation.storage.records import RevocationRecord
from delegation.storage.sqlite import SqliteStorage

AGENT = RevocationRecord(str(RevocationKind.AGENT), b"spiffe://test.example/agent/eve", 1, 2**50, "operator", "stolen")


@pytest.fixture
async def storage(tmp_path):
    storage = SqliteStorage(tmp_path / "delegation.db")
    await storage.open()
    yield storage
    await storage.close()


def wait_for_commit(path) -> None:
    """Block the event loop until the writing thread has committed: its answer is then on the way, and not yet here."""
    with closing(sqlite3.connect(path)) as connection:
        for _ in range(30_000):
            if connection.execute("SELECT position FROM feed_head").fetchone() != (0,):
                return
            time.sleep(0.001)
    raise AssertionError("the revocation was not committed")


@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after the commit"])
async def test_a_revocation_whose_caller_hangs_up_is_told_to_those_who_follow_the_feed(storage, tmp_path, committed):
    following = asyncio.create_task(storage.feed_beyond(0))
    revoking = asyncio.create_task(storage.revoke([AGENT]))
    await asyncio.sleep(0)
    if committed:
        await asyncio.sleep(0)  # with this turn of the loop the writing thread has it
        wait_for_commit(tmp_path / "delegation.db")
    revoking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await revoking
    assert await asyncio.wait_for(following, 10) == 1


async def test_benign_twin_a_revocation_that_is_waited_for_is_told(storage):
    following = asyncio.create_task(storage.feed_beyond(0))
    assert await storage.revoke([AGENT]) == 1
    assert await asyncio.wait_for(following, 10) == 1
