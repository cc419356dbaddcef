"""Comparing what tools have said of themselves with the catalogue, whenever that is another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from delegation.core.trust import Catalogue
from delegation.errors import StorageError
from delegation.service.tool_reports import ToolReports
from delegation.service.unexpected import log_unexpected

LOOK_EVERY_SECONDS: Final = 2.0


async def compare_when_changed(
    reports: ToolReports, catalogue: Callable[[], Catalogue], *, every_seconds: float = LOOK_EVERY_SECONDS
) -> None:
    """Compare at the start, and after each change of the catalogue in use, until cancelled."""
    compared: Catalogue | None = None
    while True:
        current = catalogue()
        if current is not compared:
            try:
                await reports.compare_again()
                compared = current
            except StorageError:
                pass  # it is tried again; that the database is away is told elsewhere
            except Exception as error:  # noqa: BLE001 - following must go on, whatever happens
                log_unexpected("comparing tools with the catalogue", error)
        await asyncio.sleep(every_seconds)
