"""Who runs the writes: a thread of its own beside SQLite, transactions of groups over PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

    from delegation.storage.operations.operation import Operation


class Writer(Protocol):
    """Runs operations; used from one event loop."""

    @property
    def depth(self) -> int:
        """How many operations wait."""

    def submit(self, operation: Operation[Any], /) -> asyncio.Future[object]:
        """Queue an operation; its future gets the result once that is durable. Raises `StorageError`."""
