"""What guards may let run while they are cut off, and what has to be found of it afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from faults.book import Book, Kind, Write
from faults.guarded import Done, GuardedTools

SLACK_S = 1.0
"""From a permission to the tool's running, on a busy machine."""

_ASKS_THE_SERVICE = "write"
_UNANSWERED = {"service_unavailable", "feed_stale", "record_backlog"}
"""Reasons for which a guard refuses what the service should have decided."""


@dataclass(frozen=True, slots=True)
class Ages:
    """How old the feed may be when a tool runs, in seconds, and with it how long without the service."""

    look: float
    read: float
    write: float = 0.0

    @property
    def catalogue(self) -> str:
        """The catalogue that says so."""
        local = 'name = "{}"\neffects = ["read"]\nlocal = true\nmaximum_feed_age_ms = {:.0f}'
        tools = [local.format("look", 1000 * self.look), local.format("read", 1000 * self.read)]
        tools.append(f'name = "{_ASKS_THE_SERVICE}"\neffects = ["write"]')
        return "\n".join(f'[[tool]]\naudience = "files"\nowner = "tests"\n{each}\n' for each in tools)

    def of(self, tool: str) -> float:
        """Give that of one."""
        return float(getattr(self, tool))


@dataclass(frozen=True, slots=True)
class Cut:
    """From when to when nothing came through, by the monotonic clock."""

    from_s: float
    to_s: float


def ran_stale(done: Iterable[Done], ages: Ages, cut: Cut) -> list[Done]:
    """Give what ran while the feed was too old for it, or without the service if that decides."""
    return [d for d in done if d.reason is None and cut.from_s + ages.of(d.tool) + SLACK_S < d.at_s < cut.to_s]


def ran_revoked(done: Iterable[Done], ages: Ages, ended_s: float) -> list[Done]:
    """Give what ran in a task that had ended, for longer than the age of a feed excuses."""
    return [d for d in done if d.reason is None and d.at_s > ended_s + ages.of(d.tool) + SLACK_S]


def bad_runs(running: Sequence[GuardedTools], ages: Ages, cut: Cut) -> tuple[int, int]:
    """Count what ran stale, and what ran in tasks that had ended."""
    stale = sum(len(ran_stale(each.done, ages, cut)) for each in running)
    revoked = 0
    for each in running:
        if each.completed is not None:
            revoked += len(ran_revoked([d for d in each.done if d.task == each.ended], ages, each.completed[1]))
    return stale, revoked


def noted(running: Sequence[GuardedTools]) -> Book:
    """Write down what has to be found: tasks, their ends, and every decision that a tool or an agent was told of."""
    book = Book()
    for each in running:
        begun = [Write(Kind.GRANT, purpose.encode()) for purpose in (each.kept, each.ended)]
        begun += [Write(Kind.COMPLETE, each.completed[0])] if each.completed else []
        for done in each.done:
            asked = Write(Kind.AUTHORIZE, done.arguments)
            begun.append(Write(Kind.RECORD, done.call_id) if by_the_guard(done) else asked)
            if done.tool == _ASKS_THE_SERVICE:
                book.ask(asked)  # which may have decided, and nobody heard
        book.ask(*begun)
        book.acknowledge(*begun)
    return book


def by_the_guard(done: Done) -> bool:
    """Tell whether a guard decided it, and not the service."""
    return done.tool != _ASKS_THE_SERVICE or done.reason in _UNANSWERED


def recorded_otherwise(running: Sequence[GuardedTools], recorded: Iterable[Any]) -> int:
    """Count the calls that ran and are recorded as refused, or the other way round."""
    ran = {done.call_id: done.reason is None for each in running for done in each.done}
    return sum(ran.get(call.call_id, call.refusal is None) is not (call.refusal is None) for call in recorded)


def in_words(running: Sequence[GuardedTools], cut: Cut) -> list[str]:
    """Say of each tool what ran and what was refused while nothing came through."""
    words = []
    meanwhile = [done for each in running for done in each.done if cut.from_s < done.at_s < cut.to_s]
    for tool in sorted({done.tool for done in meanwhile}):
        ran = [done.at_s for done in meanwhile if done.tool == tool and done.reason is None]
        refused = [str(done.reason) for done in meanwhile if done.tool == tool and done.reason is not None]
        last = f", the last after {max(ran) - cut.from_s:.1f} s" if ran else ""
        words.append(f"{tool}: {len(ran)} ran{last}; {len(refused)} refused ({', '.join(sorted(set(refused)))})")
    return words
