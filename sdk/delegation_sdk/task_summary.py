"""What came of a task: who did what, was refused what, and spent what; what its tools say that calls did downstream.

Pure; nothing is decided from it. What a call did is its tool's own word, and only that of calls with an outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from typing import Final

from delegation.core import limits
from delegation.core.codec import decode_link, parse_link
from delegation.core.constraints.decimals import number_of_text
from delegation.core.lineage import ConditionUse, RecordedCall, RecordedLink, RecordedTask

Pair = tuple[str, str]

NO_OUTCOME: Final = ""
"""In place of an outcome, where none was reported."""
KEPT_NAMES: Final = 20
"""Names of resources that are kept of one agent's impact."""
_EXACT: Final = Context(prec=4 * limits.DECIMAL_CHARACTERS, traps=[Inexact])


@dataclass(slots=True)
class ImpactSum:
    """What the calls of one agent did downstream of one kind, as their tools say it.

    Attributes:
        calls: how many calls say something of it.
        amount: the sum of what is a number; None if nothing was.
        names: what else was said, resources mostly: the first of them, in order.
        more_names: whether there were others.
    """

    calls: int = 0
    amount: Decimal | None = None
    names: tuple[str, ...] = ()
    more_names: bool = False

    def add(self, said: str) -> None:
        """Count what one call did."""
        self.calls += 1
        number = number_of_text(said)
        if number is not None:
            self.amount = _EXACT.add(self.amount or Decimal(0), Decimal(number))
        elif said not in self.names:
            self.more_names = self.more_names or len(self.names) >= KEPT_NAMES
            self.names = tuple(sorted((*self.names, said))[:KEPT_NAMES])


@dataclass(slots=True)
class AgentSummary:
    """What one agent did in a task.

    Attributes:
        agent: its id; empty for calls by somebody who could not be established.
        owner: who answers for it; empty if that is not known.
        links: how many links of the task it holds.
        permitted: its permitted calls, by (audience, tool).
        refused: its refused calls, by (audience, tool) and reason.
        outcomes: of its calls that ran, how many ended "ok", "failed", "unknown", or with no outcome reported.
        impacts: what its calls did downstream, by kind.
        observed: of its refused calls, those that ran all the same, since their tools were under observation.
    """

    agent: str
    owner: str = ""
    links: int = 0
    permitted: Counter[Pair] = field(default_factory=Counter)
    refused: Counter[tuple[Pair, str]] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    impacts: dict[str, ImpactSum] = field(default_factory=dict)
    observed: Counter[tuple[Pair, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Spending:
    """What was used of one count or budget of one link, by its holder and all below it.

    Attributes:
        agent: who holds the link.
        link_index: its place, 0 for the grant.
        use: what was used, of how much.
    """

    agent: str
    link_index: int
    use: ConditionUse


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """What came of a task.

    Attributes:
        task: the task.
        agents: what each agent did, those with links first, grant's holder first.
        spending: of counts and budgets; the service keeps it while the task goes on, and none of one that is over.
        first_call_ms, last_call_ms: when the first and the last call were decided; None without calls.
        more: whether there are older calls that were not counted.
    """

    task: RecordedTask
    agents: tuple[AgentSummary, ...]
    spending: tuple[Spending, ...]
    first_call_ms: int | None
    last_call_ms: int | None
    more: bool = False

    @property
    def permitted(self) -> int:
        """How many calls were permitted."""
        return sum(agent.permitted.total() for agent in self.agents)

    @property
    def refused(self) -> int:
        """How many calls were refused."""
        return sum(agent.refused.total() for agent in self.agents)

    @property
    def observed(self) -> int:
        """How many of those that were refused ran all the same."""
        return sum(agent.observed.total() for agent in self.agents)


class CallTally:
    """Counts a task's calls by agent, so that none has to be kept."""

    def __init__(self) -> None:
        self.agents: dict[str, AgentSummary] = {}
        self.first_ms: int | None = None
        self.last_ms: int | None = None

    def of(self, agent: str) -> AgentSummary:
        """Give an agent's part."""
        return self.agents.setdefault(agent, AgentSummary(agent))

    def take(self, calls: Iterable[RecordedCall]) -> None:
        """Count calls."""
        for call in calls:
            self._take(call)

    def _take(self, call: RecordedCall) -> None:
        at_ms = call.decided_at_ms
        self.first_ms = at_ms if self.first_ms is None else min(self.first_ms, at_ms)
        self.last_ms = at_ms if self.last_ms is None else max(self.last_ms, at_ms)
        agent, pair = self.of(call.agent), (call.audience, call.tool)
        if call.refusal is not None:
            agent.refused[pair, str(call.refusal.reason)] += 1
        else:
            agent.permitted[pair] += 1
        if not call.ran:
            return
        if call.refusal is not None:
            agent.observed[pair, str(call.refusal.reason)] += 1
        agent.outcomes[call.outcome] += 1
        for name, amount in call.impacts:
            agent.impacts.setdefault(name, ImpactSum()).add(amount)


def summary_of(
    task: RecordedTask, links: Iterable[RecordedLink], tally: CallTally, *, more: bool = False
) -> TaskSummary:
    """Sum up a task.

    Args:
        task: the task.
        links: all its links, parents before children.
        tally: its calls.
        more: whether there are calls that were not counted.

    Raises:
        Malformed: a link cannot be read.
    """
    holders: dict[str, AgentSummary] = {}
    spending: list[Spending] = []
    for record in links:
        holder = decode_link(parse_link(record.payload), record.payload).holder_agent
        agent = holders.setdefault(holder, tally.of(holder))
        agent.links += 1
        agent.owner = agent.owner or record.owner
        spending += [Spending(holder, record.index, use) for use in record.uses]
    others = [agent for name, agent in sorted(tally.agents.items()) if name not in holders]
    return TaskSummary(task, (*holders.values(), *others), tuple(spending), tally.first_ms, tally.last_ms, more)


def impact_of_all(agents: Iterable[AgentSummary]) -> Mapping[str, ImpactSum]:
    """Add up what all agents' calls did downstream, by kind, sorted."""
    together: dict[str, ImpactSum] = {}
    for agent in agents:
        for name, impact in agent.impacts.items():
            into = together.setdefault(name, ImpactSum())
            into.calls += impact.calls
            if impact.amount is not None:
                into.amount = _EXACT.add(into.amount or Decimal(0), impact.amount)
            names = sorted({*into.names, *impact.names})
            into.more_names = into.more_names or impact.more_names or len(names) > KEPT_NAMES
            into.names = tuple(names[:KEPT_NAMES])
    return {name: together[name] for name in sorted(together)}
