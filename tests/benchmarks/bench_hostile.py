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


def rows(*, quick: bool = False) -> list[Row]:
    """Measure the largest honest token, what was found to be worst, and a few for orientation."""
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    kernel = Kernel()
    with one_core():
        honest_ms = decision_cost(kernel, largest_honest(kernel), rounds * 2).total_ms
        bar_ms = min(BAR_MS, BAR_TIMES_HONEST * honest_ms)
        found = [Row(name, ms, "ms", bar_ms, possible_from=_LEAST_MS) for name, ms in _decisions(kernel, rounds)]
        others = [Row(name, ms, "ms", possible_from=_LEAST_MS) for name, ms in _orientation(kernel, rounds)]
        messages = [Row(name, ms, "ms", possible_from=_LEAST_MS) for name, ms in _messages(rounds)]
    worst_ms = max((row.value for row in found), default=0.0)
    return [
        Row("the largest honest token, decided", honest_ms, "ms", possible_from=_LEAST_MS),
        *found,
        Row("the worst of these", worst_ms / honest_ms, "x honest", BAR_TIMES_HONEST),
        *others,
        *messages,
    ]


def _decisions(kernel: Kernel, rounds: int) -> Iterator[tuple[str, float]]:
    subjects = {power: Decisions(kernel, power) for power in POWERS}
    for each in worst_found.found():
        if each["subject"] in subjects:
            cost = subjects[each["subject"]].cost(each["recipe"], rounds)
            yield f"worst found, {_HOLDS[each['subject']]}: {cost.outcome}", cost.total_ms


def _messages(rounds: int) -> Iterator[tuple[str, float]]:
    for each in worst_found.found():
        if each["subject"] in DOCUMENTS:
            cost = Documents(each["subject"]).cost(each["recipe"], min(rounds, 3))
            yield f"worst found, one {each['subject']}, read: {cost.outcome}", cost.total_ms


def _orientation(kernel: Kernel, rounds: int) -> Iterator[tuple[str, float]]:
    """Time a few inputs that are large in one way each."""
    nobodys = Token(b"\x0a\x00", bytes(32), largest_honest(kernel).token.holder)
    many = limits.ARGUMENT_VALUES - 8
    asked: dict[str, Any] = {
        "1 MiB, one text": "x" * (limits.ARGUMENT_BYTES - 16),
        "10,000 integers": [limits.SAFE_INTEGER] * many,
        "10,000 fractions": [0.1234567890123456] * many,
        "10,000 empty lists": [[]] * many,
        "10,000 names": {f"n{number:05}": 1 for number in range(many)},
    }
    for name, given in asked.items():
        case = Case(nobodys, json.dumps({"a": given}, separators=(",", ":")).encode(), CALLED, b"", "nothing")
        yield f"arguments of {name}, no token", decision_cost(kernel, case, rounds).parts_ms["arguments"]
