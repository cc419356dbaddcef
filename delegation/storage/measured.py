"""How long writes take until they are durable, for whoever collects metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from delegation import telemetry
from delegation.telemetry import names

if TYPE_CHECKING:
    import asyncio

    from delegation.storage.operations.operation import Operation
    from delegation.storage.writer import Writer


class MeasuredWriter:
    """A writer whose writes are timed, by kind of operation."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @property
    def depth(self) -> int:
        """How many operations wait."""
        return self._writer.depth

    def submit(self, operation: Operation[Any], /) -> asyncio.Future[object]:
        """Queue an operation, and time it until its result is there."""
        began = time.perf_counter()
        written = self._writer.submit(operation)
        kind = type(operation).__name__
        written.add_done_callback(lambda _: _measure(kind, time.perf_counter() - began))
        return written


def _measure(kind: str, seconds: float) -> None:
    telemetry.measure(names.WRITE_DURATION, seconds, {names.OPERATION: kind})
