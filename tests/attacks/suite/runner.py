"""Presents every attempt and every benign twin at the doors, and counts.

An attempt counts as refused if every door to which it was brought refuses it, and as refused for the right reason if
each gives just the reason (and blames just the link) that it names. Attempts and twins that raise anything else fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from attacks.suite.calls import AttackClass, Attempt, NotHere, Request, Twin
from attacks.suite.doors import Door
from delegation.errors import DelegationError, Reason, Refused

SAMPLE = 3
"""So many attempts of a class are brought to each door of the running service."""

NOT_ONE_ENCODING = frozenset({Reason.MALFORMED, Reason.NOT_CANONICAL})
"""Which of the two is not normative (SPEC C-10)."""


@dataclass
class Row:
    """What came of one class.

    Attributes:
        name: of the class.
        attempts, refused, right: how many there were, were refused, and for the right reason.
        benign, permitted: benign twins, and how many of them were permitted.
        doors: how many attempts were brought to which door.
        failures: what went wrong, a line each.
    """

    name: str
    attempts: int = 0
    refused: int = 0
    right: int = 0
    benign: int = 0
    permitted: int = 0
    doors: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every attempt was refused for the right reason, and every twin permitted."""
        return (
            self.attempts == self.refused == self.right > 0 and self.benign == self.permitted > 0 and not self.failures
        )


@dataclass(frozen=True)
class Report:
    """What came of all classes.

    Attributes:
        rows: a row for each class.
        doors: the names of the doors for calls, in order.
        distinct: how many different things were presented.
    """

    rows: tuple[Row, ...]
    doors: tuple[str, ...]
    distinct: int

    @property
    def attempts(self) -> int:
        return sum(row.attempts for row in self.rows)

    @property
    def failures(self) -> list[str]:
        return [f"{row.name}: {failure}" for row in self.rows for failure in row.failures]

    @property
    def holds(self) -> bool:
        """Whether every class holds and no two attempts are the same."""
        return bool(self.rows) and all(row.holds for row in self.rows) and self.distinct == self.attempts


def run(classes: Iterable[AttackClass], doors: Sequence[Door], online: Sequence[Door] = ()) -> Report:
    """Run classes of attack.

    Args:
        classes: the classes.
        doors: to which everything is brought that they take; in the world of the first, attempts are told apart.
        online: doors of the running service: to which a sample is brought.
    """
    presented = _Presented()
    rows = []
    for each in classes:
        row = Row(each.name)
        attempts = _possible(each.attempts(), online)
        for attempt, (digest, shown) in zip(attempts, _Showing(doors, online).all(attempts), strict=True):
            _count_attempt(row, attempt, shown)
            presented.note(row, attempt, digest)
        row.failures += presented.named_twice(attempts)
        twins = _possible(each.twins(), online)
        for twin, (_, shown) in zip(twins, _Showing(doors, online).all(twins), strict=True):
            _count_twin(row, twin, shown)
        rows.append(row)
    return Report(tuple(rows), tuple(door.name for door in (*doors, *online)), presented.distinct)


_Shown = list[tuple[str, BaseException | None]]
"""At which doors something was shown, and what came of it; None: it was permitted."""


def _possible(some: Iterable[Any], online: Sequence[Door]) -> list[Any]:
    """Leave out what only a running service could refuse, where there is none."""
    return [each for each in some if online or each.online is not True]


class _Presented:
    """What was presented so far, to tell attempts from repetitions of others."""

    def __init__(self) -> None:
        self._digests: dict[bytes, str] = {}

    @property
    def distinct(self) -> int:
        return len(self._digests)

    def note(self, row: Row, attempt: Attempt, digest: bytes) -> None:
        """Remember what an attempt presents; the running service gives no two the same tokens, so there the name."""
        label = f"{row.name}: {attempt.name}"
        digest = digest or label.encode()
        if self._digests.setdefault(digest, label) != label:
            row.failures.append(f"{attempt.name!r} presents the same as {self._digests[digest]!r}")

    def named_twice(self, attempts: Sequence[Attempt]) -> list[str]:
        counted = Counter(attempt.name for attempt in attempts)
        return [f"{name!r} is the name of {count} attempts" for name, count in counted.items() if count > 1]


class _Showing:
    """Shows the attempts, or the twins, of one class."""

    def __init__(self, doors: Sequence[Door], online: Sequence[Door]) -> None:
        self._doors = doors
        self._online = online
        self._sampled: Counter[str] = Counter()

    def all(self, some: Sequence[Attempt] | Sequence[Twin]) -> list[tuple[bytes, _Shown]]:
        """Show all of them here, and some of them, from everywhere among them, to the running service.

        Returns:
            For each the digest of what was presented here, if anything, and what came of it where.
        """
        shown = [self._here(each) for each in some]
        for index in _spread_out(len(some)):
            shown[index][1].extend(self._at_the_service(some[index]))
        return shown

    def _here(self, each: Attempt | Twin) -> tuple[bytes, _Shown]:
        if each.online:
            return b"", []
        presented = [(door, each.recipe(door.world)) for door in self._doors]
        first = presented[0][1]
        if isinstance(first, Request):
            return first.digest, [(first.door, _outcome(first.send))]
        return first.digest, [
            (door.name, _outcome(partial(door.show, call)))
            for door, call in presented
            if door.takes(call, _reason(each))
        ]

    def _at_the_service(self, each: Attempt | Twin) -> _Shown:
        wanted = [door for door in self._online if self._sampled[door.name] < SAMPLE]
        if each.online is False or not (each.online or wanted):
            return []
        try:
            presented = each.recipe(self._online[0].world)
            if isinstance(presented, Request):
                return [(presented.door, _outcome(presented.send))] if each.online else []
            taking = [door for door in wanted if door.takes(presented, _reason(each))]
            self._sampled.update(door.name for door in taking)
            return [(door.name, _outcome(partial(door.show, each.recipe(door.world)))) for door in taking]
        except NotHere:
            return []


def _spread_out(count: int) -> list[int]:
    """Order so many things so that the first few are from everywhere among them."""
    first = range(0, count, max(1, count // SAMPLE))
    return [*first, *(index for index in range(count) if index not in first)]


def _reason(each: Attempt | Twin) -> object:
    return each.reason if isinstance(each, Attempt) else None


def _outcome(present: Callable[[], object]) -> BaseException | None:
    try:
        present()
    except Exception as raised:  # noqa: BLE001 - whatever it is, it is the outcome
        return raised
    return None


def _count_attempt(row: Row, attempt: Attempt, shown: _Shown) -> None:
    row.attempts += 1
    row.doors.update(door for door, _ in shown)
    row.refused += bool(shown) and all(isinstance(came, DelegationError) for _, came in shown)
    wrong = [f"{attempt.name!r} at {door}: {_said(came)}" for door, came in shown if not is_right(attempt, came)]
    row.right += bool(shown) and not wrong
    row.failures += wrong or ([] if shown else [f"{attempt.name!r} was shown nowhere"])


def _count_twin(row: Row, twin: Twin, shown: _Shown) -> None:
    row.benign += 1
    refused = [f"twin {twin.name!r} at {door}: {_said(came)}" for door, came in shown if came is not None]
    row.permitted += bool(shown) and not refused
    row.failures += refused or ([] if shown else [f"twin {twin.name!r} was shown nowhere"])


def is_right(attempt: Attempt, came: BaseException | None) -> bool:
    """Tell whether an attempt came to what it should."""
    if not isinstance(attempt.reason, Reason):
        return type(came) is attempt.reason
    if not isinstance(came, Refused):
        return False
    alike = NOT_ONE_ENCODING if attempt.reason in NOT_ONE_ENCODING else {attempt.reason}
    return came.reason in alike and attempt.link_index in (None, came.link_index)


def _said(came: BaseException | None) -> str:
    if came is None:
        return "permitted"
    return f"{came}" if isinstance(came, Refused) else f"{type(came).__name__}: {came}"
