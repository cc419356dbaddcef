"""What a fault scenario is given and gives back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from faults.audit import found
from faults.book import Tally
from faults.estate import Estate
from faults.load import Load


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of it.

    Attributes:
        kills: how many times a process is killed.
        seconds: how long something stays broken.
        writes: how many writes are acknowledged between two faults.
    """

    kills: int = 50
    seconds: float = 30.0
    writes: int = 40


TINY = Scale(kills=2, seconds=2.0, writes=10)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a scenario: the tally, what else was to be seen, and how much happened that must never."""

    tally: Tally
    notes: Sequence[str] = field(default_factory=tuple)
    wrong: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing was lost or entered twice, and nothing happened that must never."""
        return self.tally.good and not self.wrong


Scenario = Callable[[Path, Scale], Result]


class NotHereError(Exception):
    """This machine cannot run the scenario; the text says what it lacks."""


def judged(estate: Estate, load: Load, *notes: str) -> Result:
    """Let the load come to rest, and compare what it was told with what is there."""
    load.rest()
    with estate.connected() as auditor:
        seen = found(auditor)
    tally, lost = load.book.compare(seen), Counter(write.kind for write in load.book.lost(seen))
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(load.book.by_kind().items()))
    notes += tuple(f"LOST: {count} of {kind}" for kind, count in lost.items())
    others = "; ".join(f"{how[:90]} ({count})" for how, count in load.book.answers.most_common(6))
    return Result(tally, (*notes, f"acknowledged by kind: {kinds}", f"other answers: {others or 'none'}"))


def summary(what: str, seconds: Sequence[float]) -> str:
    """Say how long things took."""
    return f"{what}: median {median(seconds):.2f} s, longest {max(seconds):.2f} s, of {len(seconds)}"
