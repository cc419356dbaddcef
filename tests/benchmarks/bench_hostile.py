"""The worst input that is within the limits: how long one call can hold a verifier, refused or permitted.

What is worst was found by search (`worst_search.py`), for each kind of attacker: one without any key, one with the key
of a grant of three constraints, one with the key of a grant of whatever it asked for. A call's arguments come along.
Times are of the processor, and the fastest counts: this is about the work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import worst_found
from kernel_paths import Kernel
from measure import one_core
from report import Row
from worst_cases import Case
from worst_documents import DOCUMENTS
from worst_evolution import TOTAL, Cost
from worst_honest import largest_honest
from worst_scopes import CALLED
from worst_subjects import Decisions, Documents, decision_cost
from worst_tokens import POWERS, Token

from delegation.core import limits

BAR_MS: Final = 40
BAR_TIMES_HONEST: Final = 3
_ROUNDS: Final = 9
_QUICK_ROUNDS: Final = 1
_LEAST_MS: Final = 0.001
_HOLDS: Final = {
    "stranger": "no key",
    "modest": "the key of a grant of three constraints",
    "generous": "the key of a grant of anything",
}

_WHAT: Final = {TOTAL: "decide, arguments included", "verify": "verify alone", "authorize": "authorize alone"}
_NOTHING_MS: Final = 0.5
"""A part of a decision that takes less was not what the search could make worse."""


def rows(*, quick: bool = False) -> list[Row]:
    """Measure the largest honest token, what was found to be worst, and a few for orientation."""
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    kernel = Kernel()
    with one_core():
        honest_ms = decision_cost(kernel, largest_honest(kernel), rounds * 2).total_ms
        decisions = list(_decisions(kernel, rounds))
        others = [*_orientation(kernel, rounds), *_messages(rounds)]
    bar_ms = min(BAR_MS, BAR_TIMES_HONEST * honest_ms)
    worst_ms = max(ms for _, ms in decisions)
    return [
        Row("the largest honest token, decided", honest_ms, "ms", possible_from=_LEAST_MS),
        *(Row(name, ms, "ms", bar_ms, possible_from=_LEAST_MS) for name, ms in decisions),
        Row("the worst of these", worst_ms / honest_ms, "x honest", BAR_TIMES_HONEST),
        *(Row(name, ms, "ms", possible_from=_LEAST_MS) for name, ms in others),
    ]


def _decisions(kernel: Kernel, rounds: int) -> Iterator[tuple[str, float]]:
    """Time what was found for each attacker: verifying a token alone, and the whole decision with its arguments."""
    for power in POWERS:
        subject = Decisions(kernel, power)
        costs = [subject.cost(recipe, rounds) for recipe in worst_found.recipes(power)]
        for focus, what in _WHAT.items():
            ms, outcome = max((_part(cost, focus), cost.outcome) for cost in costs)
            if ms > _NOTHING_MS:
                yield f"{what}, worst found, {_HOLDS[power]}: {outcome}", ms


def _part(cost: Cost, focus: str) -> float:
    return cost.total_ms if focus == TOTAL else cost.parts_ms.get(focus, 0)


def _messages(rounds: int) -> Iterator[tuple[str, float]]:
    for each in worst_found.kept():
        if each.subject in DOCUMENTS:
            cost = Documents(each.subject).cost(each.recipe, min(rounds, 3))
            yield f"one {each.subject} read, worst found: {cost.outcome}", cost.total_ms


def _orientation(kernel: Kernel, rounds: int) -> Iterator[tuple[str, float]]:
    """Time a few inputs that are large in one way each."""
    nobodys = Token(b"\x0a\x00", bytes(32), largest_honest(kernel).token.holder)
    many = limits.ARGUMENT_VALUES - 8
    asked: dict[str, Any] = {
        "1 MiB, one text": "x" * (limits.ARGUMENT_BYTES - 16),
        f"{many:,} integers": [limits.SAFE_INTEGER] * many,
        f"{many:,} fractions": [0.1234567890123456] * many,
        f"{many:,} empty lists": [[]] * many,
        f"{many:,} names": {f"n{number:05}": 1 for number in range(many)},
    }
    for name, given in asked.items():
        case = Case(nobodys, json.dumps({"a": given}, separators=(",", ":")).encode(), CALLED, b"", "nothing")
        yield f"arguments of {name}, no token", decision_cost(kernel, case, rounds).parts_ms["arguments"]
