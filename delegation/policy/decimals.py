"""Cedar's decimals as what they are: 64-bit integers of ten-thousandths.

The engine takes tens of microseconds to read one decimal of a question, and next to none to read an integer. So rules
are checked as they are written, with decimals, and evaluated with every decimal in them, and in the question, as the
integer that Cedar itself compares. That changes no answer: decimals can only be compared.
"""

from __future__ import annotations

import re
from typing import Any, Final

PLACES: Final = 4
_LONGEST: Final = 2**63
_LITERAL: Final = re.compile(r"(-?[0-9]+)\.([0-9]{1,4})", re.ASCII)
_COMPARISONS: Final = {
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
}


class NotLiteralError(Exception):
    """A decimal that is not written out."""


def ten_thousandths(whole: str, places: str) -> int | None:
    """Give a number by its digits before and after the point; None if Cedar has no such decimal."""
    digits = places.ljust(PLACES, "0")
    if len(digits) > PLACES:
        return None
    scaled = int(whole + digits)
    return scaled if -_LONGEST <= scaled < _LONGEST else None


def with_integers(expression: Any) -> Any:
    """Give an expression of Cedar's JSON with its decimals as integers.

    Raises:
        NotLiteralError: one of them is not written out.
    """
    match expression:
        case {"decimal": [{"Value": str(text)}]}:
            return {"Value": _literal(text)}
        case {"__extn": {"fn": "decimal", "arg": str(text)}}:
            return _literal(text)
        case {"decimal": list()} | {"__extn": {"fn": "decimal"}}:
            raise NotLiteralError
        case dict():
            return dict(_with_integers(name, inside) for name, inside in expression.items())
        case list():
            return [with_integers(each) for each in expression]
        case _:
            return expression


def _with_integers(name: str, inside: Any) -> tuple[str, Any]:
    match inside:
        case [left, right] if name in _COMPARISONS:
            return _COMPARISONS[name], {"left": with_integers(left), "right": with_integers(right)}
        case _:
            return name, with_integers(inside)


def _literal(text: str) -> int:
    match = _LITERAL.fullmatch(text)
    scaled = ten_thousandths(match[1], match[2]) if match else None
    if scaled is None:
        raise NotLiteralError
    return scaled
