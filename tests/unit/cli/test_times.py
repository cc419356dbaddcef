"""Times as people read them."""

from __future__ import annotations

import pytest

from delegation.cli.views.times import clock, day, duration, moment, relative

NOW_MS = 1_800_000_000_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def test_a_moment_is_absolute_in_utc():
    assert moment(NOW_MS) == "2027-01-15 08:00:00 UTC"
    assert (day(NOW_MS), clock(NOW_MS)) == ("2027-01-15", "08:00:00")


@pytest.mark.parametrize(
    ("length_ms", "words"),
    [
        (0, "0 s"),
        (999, "0 s"),
        (59 * SECOND, "59 s"),
        (MINUTE, "1 min"),
        (4 * MINUTE + 58 * SECOND + 900, "4 min 58 s"),
        (HOUR + 5 * SECOND, "1 h"),
        (2 * DAY + 3 * HOUR + 4 * MINUTE, "2 d 3 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(length_ms, words):
    assert duration(length_ms) == words


def test_a_time_is_ahead_or_behind():
    assert relative(NOW_MS + 5 * MINUTE, NOW_MS) == "in 5 min"
    assert relative(NOW_MS - 5 * MINUTE, NOW_MS) == "5 min ago"
    assert relative(NOW_MS + 500, NOW_MS) == "just now"


def test_a_time_that_no_calendar_has_does_not_break_a_view():
    assert moment(2**53 - 1) == "beyond the calendar"
    assert relative(2**53 - 1, NOW_MS) == "never"
    assert day(2**53 - 1) == "9999-12-31"
