"""A call that a guard lets run, whether it was authorized or is only observed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from delegation.core.records import OutcomeStatus

Impact = int | Decimal | str
Report = Callable[[bytes, OutcomeStatus, tuple[tuple[str, str], ...]], None]


class ServedCall:
    """What an `AuthorizedCall` and an `ObservedCall` have in common. Its outcome is reported once.

    Attributes:
        call_id: Names the call in the ledger, 16 bytes.
        audience: Who serves the tool.
        tool: What is called.
        arguments: The arguments that were decided on.
        obligations: What the tool has to do besides, of what the guard has promised: "redact", "notify".
    """

    __slots__ = ("_report", "_reported", "_taken", "arguments", "audience", "call_id", "obligations", "tool")

    def __init__(
        self,
        call_id: bytes,
        *,
        audience: str,
        tool: str,
        arguments: Mapping[str, Any],
        report: Report,
        obligations: tuple[str, ...] = (),
    ) -> None:
        self.call_id = call_id
        self.audience = audience
        self.tool = tool
        self.arguments = arguments
        self.obligations = obligations
        self._report = report
        # Acquired once and never released: the first who asks gets it, in whatever thread.
        self._reported = threading.Lock()
        self._taken = threading.Lock()

    @property
    def reported(self) -> bool:
        """Whether the outcome was reported."""
        return self._reported.locked()

    def report(self, status: OutcomeStatus = OutcomeStatus.OK, **impact: Impact) -> None:
        """Say what came of the call; the first word counts, a later one is ignored.

        Args:
            status: `OK`, `FAILED` (and had no effect), or `UNKNOWN`.
            **impact: What it did downstream: `rows_changed=3`, `resource="order o-17"`.
        """
        if self._reported.acquire(blocking=False):
            self._report(self.call_id, status, tuple(sorted((name, str(amount)) for name, amount in impact.items())))

    def take(self) -> bool:
        """Tell whether the call has not been served yet, and mark it as served."""
        return self._taken.acquire(blocking=False)
