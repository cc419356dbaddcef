"""What clients were told is written, and what an auditor later finds: the judge of every fault scenario.

Each write has a name that clients know before they ask for it, so that the same write entered twice is seen, and one
whose answer was lost is told from one that was never asked for.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """A kind of write."""

    GRANT = "grant"
    HAND_OFF = "handoff"
    AUTHORIZE = "authorize"
    RECORD = "record"
    COMPLETE = "complete"
    REVOKE = "revoke"


class Write(NamedTuple):
    """One write.

    Attributes:
        kind: of which kind.
        name: a grant's purpose; a link's id, for a handoff or a revocation; the digest of an authorized call's
            arguments; a record's call id; a completed task's id.
    """

    kind: Kind
    name: bytes


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the writes.

    Attributes:
        acknowledged: how many clients were told of.
        found: how many there are; more than acknowledged where an answer was lost.
        lost: how many were acknowledged and are not there.
        twice: how many are there more than once.
        unasked: how many are there that nobody asked for.
    """

    acknowledged: int
    found: int
    lost: int
    twice: int
    unasked: int

    @property
    def good(self) -> bool:
        """Whether something was written, nothing lost, nothing entered twice and nothing made up."""
        return bool(self.acknowledged) and not (self.lost or self.twice or self.unasked)

    def __str__(self) -> str:
        text = f"acknowledged {self.acknowledged}, found {self.found}, lost {self.lost}, twice {self.twice}"
        return f"{text}, unasked {self.unasked}" if self.unasked else text


class Book:
    """Writes that were asked for and acknowledged; many threads write into it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked: set[Write] = set()
        self._acknowledged: set[Write] = set()
        self._took_s: list[float] = []
        self.answers: Counter[str] = Counter()
        """What else was answered, by reason or exception: refusals, and asking again."""

    def ask(self, *writes: Write) -> None:
        """Note what is about to be asked for: whether or not an answer comes, it may be found."""
        with self._changed:
            self._asked.update(writes)

    def acknowledge(self, *writes: Write, took_s: float = 0.0) -> None:
        """Note what the service says is written, and how long the answer took."""
        with self._changed:
            self._took_s.append(took_s)
            self._acknowledged.update(writes)
            self._changed.notify_all()

    def took_s(self) -> list[float]:
        """Give how long each answer took since this was asked last."""
        with self._changed:
            taken, self._took_s = self._took_s, []
            return taken

    def answered(self, how: str) -> None:
        """Note another answer."""
        with self._changed:
            self.answers[how] += 1

    def join(self, other: Book) -> None:
        """Take over what is in another book, whose writers have ended."""
        with self._changed:
            self._asked |= other._asked
            self._acknowledged |= other._acknowledged
            self.answers += other.answers

    def __len__(self) -> int:
        return len(self._acknowledged)

    def more_than(self, count: int, timeout_s: float) -> None:
        """Wait until more than so many writes are acknowledged. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._acknowledged) > count, timeout_s):
                raise TimeoutError(f"no more than {count} writes were acknowledged within {timeout_s:.0f} s")

    def by_kind(self) -> Counter[Kind]:
        """Count what is acknowledged."""
        return Counter(write.kind for write in self._acknowledged)

    def knows(self, write: Write) -> bool:
        """Whether it was asked for."""
        return write in self._asked

    def without(self, kind: Kind) -> Book:
        """Give a book of all but one kind."""
        rest = Book()
        rest.ask(*(write for write in self._asked if write.kind is not kind))
        rest.acknowledge(*(write for write in self._acknowledged if write.kind is not kind))
        return rest

    def lost(self, found: Counter[Write]) -> set[Write]:
        """Give what was acknowledged and is not there."""
        return self._acknowledged - found.keys()

    def compare(self, found: Counter[Write]) -> Tally:
        """Judge what was found, each write as often as it was found."""
        return Tally(
            acknowledged=len(self._acknowledged),
            found=len(found.keys() & self._asked),
            lost=len(self.lost(found)),
            twice=len(twice(found)),
            unasked=len(found.keys() - self._asked),
        )


def twice(found: Counter[Write]) -> set[Write]:
    """Give what is there more than once."""
    return {write for write, count in found.items() if count > 1}
