r"""Exact numbers as text: the normal form, `-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?`, and decimal text (SPEC section 5.1)."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cache
from typing import Final

from delegation.core import limits
from delegation.errors import Reason, refusal

_NORMAL: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?"
_TEXT: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compile when the first decimal is met, and not look it up as `re` does: a token may have thousands."""
    return re.compile(text, re.ASCII)


_EXACT: Final = Context(prec=limits.DECIMAL_CHARACTERS, traps=[Inexact, InvalidOperation])
_TOO_LONG: Final = 10**limits.DECIMAL_CHARACTERS
Number = int | Decimal


def parse_decimal(text: str) -> Number:
    """Read a number in normal form: an int if it is integral, else a Decimal.

    Raises:
        Malformed: FIELD_INVALID for anything else.
    """
    if len(text) > limits.DECIMAL_CHARACTERS or text == "-0" or not _pattern(_NORMAL).fullmatch(text):
        raise refusal(Reason.FIELD_INVALID, detail="a number is not in decimal normal form")
    return Decimal(text) if "." in text else int(text)


def number_of_text(text: str) -> Decimal | None:
    """Give the number of a decimal text, such as "10.00"; None if it is none."""
    if len(text) > limits.DECIMAL_CHARACTERS or not _pattern(_TEXT).fullmatch(text):
        return None
    number = Decimal(text)
    return None if number.is_zero() and text[0] == "-" else number


def check_finite(number: Number) -> Number:
    """Require a number: no NaN, no infinity.

    Raises:
        Malformed: FIELD_INVALID.
    """
    if isinstance(number, Decimal) and not number.is_finite():
        raise refusal(Reason.FIELD_INVALID, detail="a number is not finite")
    return number


def format_decimal(number: Number) -> str:
    """Give the normal form of a number.

    Raises:
        Malformed: FIELD_INVALID for NaN, infinities, and more than 64 characters.
    """
    if isinstance(number, Decimal):
        if not number.is_finite() or abs(number.adjusted()) > limits.DECIMAL_CHARACTERS:
            raise refusal(Reason.FIELD_INVALID, detail="a number is too long")
        text = f"{number:f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        text = "0" if text in ("-0", "") else text
    elif abs(number) >= _TOO_LONG:  # Python refuses to write out the longest
        raise refusal(Reason.FIELD_INVALID, detail="a number is too long")
    else:
        text = str(number)
    if len(text) > limits.DECIMAL_CHARACTERS:
        raise refusal(Reason.FIELD_INVALID, detail="a number is too long")
    return text


def exact_number(value: object) -> Number:
    """Take what a person writes, 50, "50.00", Decimal("0.1") or 0.1, as the exact number meant.

    Raises:
        Malformed: FIELD_INVALID for anything that is not such a number.
    """
    if type(value) is int:
        format_decimal(value)  # not too long
        return value
    if isinstance(value, float):
        value = repr(value)
    if isinstance(value, str | Decimal):
        try:
            number = _EXACT.create_decimal(value)
        except (InvalidOperation, Inexact):
            raise refusal(Reason.FIELD_INVALID, detail="not an exact decimal number") from None
        return parse_decimal(format_decimal(number))
    raise refusal(Reason.FIELD_INVALID, detail=f"a {type(value).__name__} is not an exact number")
