"""Sweeping: everything that has expired is forgotten, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from delegation.errors import StorageError
from delegation.jobs.sweeper import run_sweeper, sweep
from delegation.storage.preconditions import PROOF_KEPT_MS, ProofUse
from delegation.storage.refused_writes import ReplayedProofError
from delegation.storage.sqlite import SqliteStorage
from support.chains import NOW_MS, some_bytes


@pytest.fixture
async def storage(tmp_path):
    opened = SqliteStorage(tmp_path / "service.sqlite3")
    await opened.open()
    yield opened
    await opened.close()


def use(name: str, issued_ms: int) -> ProofUse:
    return ProofUse(some_bytes(name), issued_ms, "files", "tool")


async def test_what_has_expired_is_forgotten_and_what_has_not_is_kept(storage):
    await storage.consume_proof(use("old", NOW_MS - PROOF_KEPT_MS))
    await storage.consume_proof(use("young", NOW_MS))
    assert await sweep(storage, lambda: NOW_MS + 1) == 1
    for used in (use("young", NOW_MS), use("old", NOW_MS - PROOF_KEPT_MS)):
        with pytest.raises(ReplayedProofError):  # the first is known, the second too old for that
            await storage.consume_proof(used)
    await storage.consume_proof(use("new", NOW_MS + 1))


async def test_sweeping_goes_on_when_the_database_is_away(tmp_path):
    storage = SqliteStorage(tmp_path / "service.sqlite3")  # never opened
    with pytest.raises(StorageError):
        await sweep(storage, lambda: NOW_MS)
    asked = asyncio.Semaphore(0)

    def clock() -> int:
        asked.release()
        return NOW_MS

    sweeping = asyncio.create_task(run_sweeper(storage, clock, period_seconds=0))
    for _ in range(3):
        await asyncio.wait_for(asked.acquire(), 10)
    sweeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweeping
