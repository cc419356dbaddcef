"""Exact decimals: one text for each number, and no number that takes long."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from delegation.core import limits
from delegation.core.constraints.decimals import exact_number, format_decimal, parse_decimal
from delegation.errors import Malformed, Reason

LONGEST = "-0." + "0" * (limits.DECIMAL_CHARACTERS - 4) + "1"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (Decimal("-0"), "0"),
        (Decimal("-0.00"), "0"),
        (Decimal("50.00"), "50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-3"), "0.001"),
        (Decimal("-0.50"), "-0.5"),
        (10**63, "1" + "0" * 63),
        (Decimal(LONGEST), LONGEST),
    ],
)
def test_a_number_has_one_text(number: Any, text: str):
    assert format_decimal(number) == text
    assert parse_decimal(text) == number


@pytest.mark.spec("S-3")
@pytest.mark.parametrize(
    "number",
    [
        10**64,
        -(10**63),
        Decimal(LONGEST) / 10,
        Decimal("1e65"),
        Decimal("1e999999999999"),
        Decimal("1e-999999999999"),
        Decimal("0e999999"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
    ],
    ids=str,
)
def test_a_number_without_a_text_that_fits_is_refused(number: Any):
    with pytest.raises(Malformed) as caught:
        format_decimal(number)
    assert caught.value.reason is Reason.FIELD_INVALID


@pytest.mark.parametrize(
    "value", ["1e999999999999", "9" * 65, Decimal("1." + "1" * 64), "1e-99", "0x10", True, [1], b"5"]
)
def test_what_is_no_exact_number_that_fits_is_refused(value: Any):
    with pytest.raises(Malformed):
        exact_number(value)


def test_what_is_written_in_many_ways_is_one_number():
    assert exact_number("50.00") == exact_number(50.0) == exact_number(Decimal("5e1")) == exact_number(50) == 50
    assert type(exact_number("50.00")) is int
    assert exact_number(0.1) == Decimal("0.1")
