"""What a tool learns about a call that its guard let through."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from delegation.core.chain import Principal, VerifiedChain
from delegation.core.records import OutcomeStatus

Impact = int | Decimal | str
Report = Callable[[bytes, OutcomeStatus, tuple[tuple[str, str], ...]], None]


class AuthorizedCall:
    """A call that was authorized. Its outcome is reported once.

    Attributes:
        call_id: Names the call in the ledger, 16 bytes.
        chain: From whom to whom the authority went.
        audience: Who serves the tool.
        tool: What is called.
        arguments: The arguments that were decided on: typed values, the tool's defaults included.
        obligations: What the operator's policy demands with the permission, of what the guard has promised:
            "redact", "notify".
    """

    __slots__ = (
        "_report",
        "_reported",
        "_taken",
        "arguments",
        "audience",
        "call_id",
        "chain",
        "obligations",
        "tool",
    )

    def __init__(
        self,
        call_id: bytes,
        chain: VerifiedChain,
        *,
        audience: str,
        tool: str,
        arguments: Mapping[str, Any],
        report: Report,
        obligations: tuple[str, ...] = (),
    ) -> None:
        self.call_id = call_id
        self.chain = chain
        self.audience = audience
        self.tool = tool
        self.arguments = arguments
        self.obligations = obligations
        self._report = report
        # Acquired once and never released: the first who asks gets it, in whatever thread.
        self._reported = threading.Lock()
        self._taken = threading.Lock()

    @property
    def agent(self) -> str:
        """The agent that calls."""
        return self.chain.leaf.holder_agent

    @property
    def principal(self) -> Principal:
        """On whose behalf."""
        return self.chain.principal

    @property
    def task_id(self) -> bytes:
        """The task, 16 bytes."""
        return self.chain.task_id

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

    def __repr__(self) -> str:
        return f"AuthorizedCall({self.audience}.{self.tool} by {self.agent}, call {self.call_id.hex()})"
