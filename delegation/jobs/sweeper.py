"""Forgetting what has expired: used proofs, kept answers, revocations, offers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from delegation.errors import StorageError
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage

PERIOD_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.05
"""Between portions, so that requests get their turn."""


async def sweep(storage: Storage, now_ms: Callable[[], int]) -> int:
    """Forget everything that has expired by now; return how much that was. Raises `StorageError`."""
    total = 0
    while forgotten := await storage.purge_expired(now_ms()):
        total += forgotten
        await asyncio.sleep(PAUSE_SECONDS)
    return total


async def run_sweeper(storage: Storage, now_ms: Callable[[], int], *, period_seconds: float = PERIOD_SECONDS) -> None:
    """Sweep again and again until cancelled. A database that is away is tried the next time."""
    while True:
        try:
            await sweep(storage, now_ms)
        except StorageError:
            pass
        except Exception as error:  # noqa: BLE001 - sweeping must go on, whatever happens
            log_unexpected("forgetting what has expired", error)
        await asyncio.sleep(period_seconds)
