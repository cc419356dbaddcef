"""What came of a task, agent by agent: calls, refusals, outcomes, what was spent and what was done downstream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from delegation.cli.untrusted_text import visible
from delegation.cli.views.chain_tree import principal_text, print_fields
from delegation.cli.views.plain import plain_task
from delegation.cli.views.task_table import state_text
from delegation.cli.views.times import moment
from delegation.cli.views.tree import Line, Node, print_tree
from delegation_sdk.task_summary import NO_OUTCOME, AgentSummary, ImpactSum, Spending, TaskSummary, impact_of_all

_MOST_LINES: Final = 24
_MOST_CHARACTERS: Final = 160


def print_summary(console: Console, summary: TaskSummary, now_ms: int) -> None:
    """Print what came of a task."""
    print_fields(console, list(_head(summary, now_ms)))
    for agent in summary.agents:
        console.print()
        print_tree(console, Node(list(_agent_lines(agent))))
    for title, lines in (
        ("spent", [_spending(each) for each in summary.spending]),
        ("declared by the tools", [_impact(*each) for each in impact_of_all(summary.agents).items()]),
    ):
        if lines:
            console.print()
            print_tree(console, Node([Line(Text(title, "label")), *_some(lines)]))
    if summary.more:
        console.print("There are older calls, which were not counted.", style="warning")


def _head(summary: TaskSummary, now_ms: int) -> Iterator[tuple[str, Text]]:
    task = summary.task
    yield "task", Text(task.task_id.hex())
    yield "purpose", Text(visible(task.purpose))
    yield "for", principal_text(task.principal)
    yield "state", state_text(task, now_ms)
    calls = Text(f"{summary.permitted:,} permitted, ")
    calls.append(f"{summary.refused:,} refused", "refused" if summary.refused else "")
    yield "calls", calls.append(f", {summary.observed:,} of them ran" if summary.observed else "", "warning")
    if summary.first_call_ms is not None and summary.last_call_ms is not None:
        yield "from", Text(moment(summary.first_call_ms))
        yield "to", Text(moment(summary.last_call_ms))


def _agent_lines(agent: AgentSummary) -> Iterator[Line]:
    head = Text(visible(agent.agent) or "somebody who could not be established", "agent")
    if agent.owner:
        head.append(f"  of {visible(agent.owner)}", "quiet")
    yield Line(head, hang=2)
    if not agent.permitted and not agent.refused:
        yield Line(Text("made no calls", "quiet"))
    yield from _some(
        [_call_line("✓", "allowed", _dotted(pair), count) for pair, count in sorted(agent.permitted.items())]
    )
    yield from _some(
        [
            _call_line("✗", "refused", f"{_dotted(pair)}  {reason}", count, ran=agent.observed[pair, reason])
            for (pair, reason), count in sorted(agent.refused.items())
        ]
    )
    if agent.outcomes:
        yield Line(Text(_outcomes(agent), "quiet"), hang=2)


def _call_line(mark: str, style: str, what: str, count: int, *, ran: int = 0) -> Line:
    text = Text.assemble((f"{mark} ", style), _said(what), (f"  {_times(count)}", "quiet"))
    return Line(text.append(f", ran {_times(ran)}: under observation" if ran else "", "warning"), hang=2)


def _outcomes(agent: AgentSummary) -> str:
    parts = [
        f"{agent.outcomes[status]:,} {words}"
        for status, words in (
            ("ok", "ended well"),
            ("failed", "failed"),
            ("unknown", "ended nobody knows how"),
            (NO_OUTCOME, "without an outcome"),
        )
        if agent.outcomes[status]
    ]
    return ", ".join(parts)


def _spending(spending: Spending) -> Line:
    use = spending.use
    what = f"{use.argument} of {use.audience}.{use.tool}" if use.argument else f"calls of {use.audience}.{use.tool}"
    of = "grant" if spending.link_index == 0 else f"link {spending.link_index}"
    text = Text.assemble(f"{visible(use.used)} of {visible(use.maximum)} ", _said(what))
    return Line(text.append(f"  {of} of {_said(spending.agent)}", "quiet"), hang=4)


def _impact(name: str, impact: ImpactSum) -> Line:
    said = [] if impact.amount is None else [f"{impact.amount:f}"]
    said += [_said(each) for each in impact.names]
    text = Text.assemble((_said(name), "label"), f"  {', '.join(said)}{', …' if impact.more_names else ''}")
    return Line(text.append(f"  by {impact.calls:,} calls", "quiet"), hang=4)


def _some(lines: list[Line]) -> Iterable[Line]:
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[:_MOST_LINES], Line(Text(f"… and {len(lines) - _MOST_LINES} more; --json lists all", "quiet"))]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _dotted(pair: tuple[str, str]) -> str:
    return ".".join(pair)


def _said(text: str) -> str:
    return visible(text, limit=_MOST_CHARACTERS)


def plain_summary(summary: TaskSummary) -> dict[str, Any]:
    """Write a summary as plain data, for `--json`."""
    return {
        "task": plain_task(summary.task),
        "permitted": summary.permitted,
        "refused": summary.refused,
        "observed": summary.observed,
        "first_call_ms": summary.first_call_ms,
        "last_call_ms": summary.last_call_ms,
        "more_calls": summary.more,
        "agents": [_plain_agent(agent) for agent in summary.agents],
        "spending": [
            {"agent": each.agent, "link_index": each.link_index, **each.use._asdict()} for each in summary.spending
        ],
        "impact": {name: _plain_impact(impact) for name, impact in impact_of_all(summary.agents).items()},
    }


def _plain_agent(agent: AgentSummary) -> dict[str, Any]:
    return {
        "agent": agent.agent,
        "owner": agent.owner or None,
        "links": agent.links,
        "permitted": [
            {"audience": audience, "tool": tool, "calls": count}
            for (audience, tool), count in sorted(agent.permitted.items())
        ],
        "refused": [
            {
                "audience": pair[0],
                "tool": pair[1],
                "reason": reason,
                "calls": count,
                "observed": agent.observed[pair, reason],
            }
            for (pair, reason), count in sorted(agent.refused.items())
        ],
        "outcomes": {status or "none": count for status, count in sorted(agent.outcomes.items())},
        "impact": {name: _plain_impact(impact) for name, impact in sorted(agent.impacts.items())},
    }


def _plain_impact(impact: ImpactSum) -> dict[str, Any]:
    amount = None if impact.amount is None else f"{impact.amount:f}"
    return {"calls": impact.calls, "amount": amount, "names": list(impact.names), "more_names": impact.more_names}
