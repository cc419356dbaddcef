"""What calls used of a condition, as exact sums in text, and what is left of it (SPEC section 8.4).

Pure: who keeps what was used, and charges it in one step with the decision, is whoever decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cache
from typing import Final

from delegation.core import limits
from delegation.core.demands import Demand
from delegation.errors import Reason, refusal

NOTHING_USED: Final = "0"

_SUMS: Final = 4096
"""Sums that are remembered as numbers: what one call leaves the next one begins with."""

_SUM_CHARACTERS: Final = 2 * limits.DECIMAL_CHARACTERS
"""A sum has no more digits before the point than its maximum, and no more after it than one of its amounts."""
_EXACT: Final = Context(prec=2 * _SUM_CHARACTERS, traps=[Inexact, InvalidOperation])


def charged(used: str, demand: Demand) -> str:
    """Give what is used once a call is permitted.

    Args:
        used: what was used before it, as this has written it; `NOTHING_USED` at first.
        demand: what the call demands.

    Raises:
        ConditionUnmet: CALLS_EXHAUSTED or BUDGET_EXCEEDED; says what remains, never what was asked for.
        Malformed: FIELD_INVALID for a sum that this has not written, or a demand that `demands_of` has not made.
    """
    before, maximum = _NUMBERS[used], _NUMBERS[demand.maximum]
    after = _EXACT.add(before, _NUMBERS[demand.amount])
    if after > maximum:
        reason = Reason.CALLS_EXHAUSTED if demand.is_of_calls else Reason.BUDGET_EXCEEDED
        raise refusal(
            reason, link_index=demand.link_index, field=_field(demand), parent=_words(used, demand), child="more"
        )
    return _written(after)


def released(used: str, amount: str) -> str:
    """Give what is used once an amount was given back.

    Raises:
        Malformed: FIELD_INVALID for sums that this has not written, or more than was used.
    """
    left = _EXACT.subtract(_NUMBERS[used], _NUMBERS[amount])
    if left < 0:
        raise refusal(Reason.FIELD_INVALID, detail="more is given back than was used")
    return _written(left)


def remaining(used: str, maximum: str) -> str:
    """Give what may still be used, in decimal normal form; never less than 0.

    Raises:
        Malformed: FIELD_INVALID.
    """
    return _written(_left(used, maximum))


def least_remaining(uses: Iterable[tuple[str, str]]) -> str:
    """Give what may still be used where several count the same, each with what was used and its maximum.

    Raises:
        Malformed: FIELD_INVALID, also if there are none.
    """
    least = min((_left(used, maximum) for used, maximum in uses), default=None)
    if least is None:
        raise refusal(Reason.FIELD_INVALID, detail="nothing counts")
    return _written(least)


def _left(used: str, maximum: str) -> Decimal:
    left = _EXACT.subtract(_NUMBERS[maximum], _NUMBERS[used])
    return left if left > 0 else _NOTHING


def _field(demand: Demand) -> str:
    pair = f"{demand.audience}.{demand.tool}"
    return pair if demand.is_of_calls else f"{pair}.{demand.argument}"


def _words(used: str, demand: Demand) -> str:
    what = "calls" if demand.is_of_calls else "in sum"
    return f"{remaining(used, demand.maximum)} of {demand.maximum} {what}"


@cache
def _of_sums() -> re.Pattern[str]:
    """Compile when the first sum is met: guards import this, and meet none."""
    return re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?", re.ASCII)


class _Numbers(dict[str, Decimal]):
    """The numbers of sums, by their texts: those met last, and some before."""

    def __missing__(self, text: str) -> Decimal:
        if len(text) > _SUM_CHARACTERS or not _of_sums().fullmatch(text):
            raise refusal(Reason.FIELD_INVALID, detail="a sum is not in decimal normal form")
        number = Decimal(text)
        self.keep(text, number)
        return number

    def keep(self, text: str, number: Decimal) -> None:
        if len(text) > _SUM_CHARACTERS:  # it would not be read
            return
        if len(self) >= _SUMS:
            self.clear()
        self[text] = number


_NUMBERS: Final = _Numbers()
_NOTHING: Final = Decimal(0)


def _written(number: Decimal) -> str:
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    _NUMBERS.keep(text, number)
    return text
