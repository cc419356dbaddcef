"""Calls, counted by tool, reason and whether they ran: what an operator wants to know before a tool is enforced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from delegation.core.lineage import RecordedCall
from delegation.core.observation import Observation

MOST_NAMES: Final = 5
"""Of agents, in a line; of the others it is only said that there are some."""

MOST_COUNTED: Final = 100_000
"""Calls that are counted, newest first."""


class Decided(NamedTuple):
    """What calls are counted by.

    Attributes:
        tool: `files.read`.
        reason: of the refusal; empty if they were permitted.
        observed: of refused ones that ran, who says that their tool was under observation.
    """

    tool: str
    reason: str
    observed: Observation | None


@dataclass(slots=True)
class Count:
    """Calls of one kind.

    Attributes:
        calls: how many.
        first_ms, last_ms: when the first and the last was decided.
        agents: who called, at most `MOST_NAMES`; a call that names nobody adds nothing.
        more: whether there are other agents.
        unnamed: calls of which nobody is known who called.
    """

    calls: int = 0
    first_ms: int = 0
    last_ms: int = 0
    agents: set[str] = field(default_factory=set)
    more: bool = False
    unnamed: int = 0

    def add(self, call: RecordedCall) -> None:
        """Count a call."""
        self.calls += 1
        self.first_ms = min(self.first_ms or call.decided_at_ms, call.decided_at_ms)
        self.last_ms = max(self.last_ms, call.decided_at_ms)
        if not call.agent:
            self.unnamed += 1
        elif call.agent not in self.agents:
            if len(self.agents) < MOST_NAMES:
                self.agents.add(call.agent)
            else:
                self.more = True


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts of calls, the most frequent first, and whether there are older calls that were not counted."""

    counts: tuple[tuple[Decided, Count], ...]
    more: bool


def count(calls: Iterable[RecordedCall], *, most: int = MOST_COUNTED) -> Counted:
    """Count calls that come newest first, up to so many."""
    counts: dict[Decided, Count] = {}
    for number, call in enumerate(calls):
        if number == most:
            return Counted(_ordered(counts), more=True)
        reason = str(call.refusal.reason) if call.refusal else ""
        counts.setdefault(Decided(f"{call.audience}.{call.tool}", reason, call.observed), Count()).add(call)
    return Counted(_ordered(counts), more=False)


def _ordered(counts: dict[Decided, Count]) -> tuple[tuple[Decided, Count], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1].calls, item[0].tool, item[0].reason)))
