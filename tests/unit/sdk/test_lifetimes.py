from __future__ import annotations

from datetime import timedelta

import pytest

from delegation.errors import InvalidRequest
from delegation_sdk.lifetimes import lifetime_ms


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("250ms", 250),
        ("90s", 90_000),
        ("10m", 600_000),
        ("2h", 7_200_000),
        (timedelta(minutes=3), 180_000),
    ],
)
def test_a_lifetime_is_written_as_people_write_it(written, milliseconds):
    assert lifetime_ms(written) == milliseconds


@pytest.mark.parametrize(
    "written", ["", "10", "m", "-5s", "0s", "1.5h", "10 m", "10M", "1d", timedelta(0), timedelta(-1)]
)
def test_anything_else_is_no_lifetime(written):
    with pytest.raises(InvalidRequest, match="a lifetime is"):
        lifetime_ms(written)
