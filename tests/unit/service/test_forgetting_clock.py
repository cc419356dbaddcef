"""What is forgotten is forgotten by a clock that a jump of the wall clock cannot put ahead."""

from __future__ import annotations

import pytest

from delegation.core.revocation import RevocationKind
from delegation.jobs.sweeper import sweep
from delegation.service.forgetting_clock import MARGIN_MS, SETTLED_MS, ForgettingClock
from delegation.storage.records import RevocationRecord
from delegation.storage.sqlite import SqliteStorage

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
BEGAN_MS = 1_800_000_000_000


class Clocks:
    """A wall clock and a monotonic one, to be moved."""

    def __init__(self, since_ms=None, *, wall_ms=BEGAN_MS):
        self.wall_ms, self.gone_ms = wall_ms, 7_000
        self.forgetting = ForgettingClock(
            lambda: self.wall_ms, since_ms=since_ms, monotonic_ns=lambda: self.gone_ms * 1_000_000
        )

    def pass_(self, ms):
        self.wall_ms += ms
        self.gone_ms += ms


@pytest.fixture
def clocks():
    return Clocks()


def test_while_both_clocks_agree_it_is_the_time_less_the_margin(clocks):
    clocks.pass_(5 * MINUTE_MS)
    assert clocks.forgetting() == BEGAN_MS + 5 * MINUTE_MS - MARGIN_MS


def test_a_wall_clock_that_is_put_forward_is_not_followed(clocks):
    clocks.wall_ms += 5 * MINUTE_MS
    assert clocks.forgetting() == BEGAN_MS - MARGIN_MS
    clocks.pass_(MINUTE_MS)
    assert clocks.forgetting() == BEGAN_MS + MINUTE_MS - MARGIN_MS


def test_a_wall_clock_that_is_put_back_is_followed(clocks):
    clocks.wall_ms -= 5 * MINUTE_MS
    assert clocks.forgetting() == BEGAN_MS - 5 * MINUTE_MS - MARGIN_MS


def test_a_process_that_starts_under_a_clock_that_is_ahead_goes_on_from_what_was_known():
    clocks = Clocks(BEGAN_MS - MINUTE_MS, wall_ms=BEGAN_MS + DAY_MS)
    assert clocks.forgetting() == BEGAN_MS - MINUTE_MS - MARGIN_MS
    clocks.pass_(30 * MINUTE_MS)
    assert clocks.forgetting() == BEGAN_MS + 29 * MINUTE_MS - MARGIN_MS
    clocks.wall_ms -= DAY_MS  # a time server was found
    assert clocks.forgetting() == BEGAN_MS + 29 * MINUTE_MS - MARGIN_MS
    clocks.pass_(2 * SETTLED_MS)
    clocks.forgetting()
    clocks.pass_(SETTLED_MS)
    assert clocks.forgetting() == clocks.wall_ms - MARGIN_MS


def test_without_anything_known_nothing_is_forgotten_until_the_clock_has_settled():
    clocks = Clocks(0)
    assert clocks.forgetting() == 0
    clocks.pass_(SETTLED_MS - 1)
    assert clocks.forgetting() < SETTLED_MS
    clocks.pass_(1)
    assert clocks.forgetting() == clocks.wall_ms - MARGIN_MS


def test_a_clock_that_is_put_forward_is_believed_when_it_has_stayed_there_and_not_before(clocks):
    clocks.wall_ms += 5 * MINUTE_MS
    for _ in range(59):
        assert clocks.forgetting() < clocks.wall_ms - MARGIN_MS
        clocks.pass_(MINUTE_MS)
    clocks.pass_(MINUTE_MS)
    clocks.forgetting()
    assert clocks.forgetting() == clocks.wall_ms - MARGIN_MS


def test_a_clock_that_goes_to_and_fro_is_never_believed_where_it_was_ahead(clocks):
    for _ in range(10):
        clocks.wall_ms += DAY_MS
        clocks.forgetting()
        clocks.pass_(SETTLED_MS // 2)
        assert clocks.forgetting() == clocks.wall_ms - DAY_MS - MARGIN_MS
        clocks.wall_ms -= DAY_MS
        assert clocks.forgetting() == clocks.wall_ms - MARGIN_MS


def test_of_a_clock_that_moves_while_it_is_ahead_the_least_is_believed(clocks):
    clocks.wall_ms += 2 * DAY_MS
    clocks.forgetting()
    clocks.wall_ms -= DAY_MS
    clocks.forgetting()
    clocks.wall_ms += DAY_MS
    clocks.pass_(SETTLED_MS)
    assert clocks.forgetting() == clocks.wall_ms - DAY_MS - MARGIN_MS


async def test_one_sweep_under_a_clock_that_was_ahead_forgets_no_revocation(clocks, tmp_path):
    storage = SqliteStorage(tmp_path / "delegation.sqlite3")
    await storage.open()
    until_ms = BEGAN_MS + 3 * MINUTE_MS
    await storage.revoke([RevocationRecord(str(RevocationKind.AGENT), b"agent", BEGAN_MS, until_ms, "somebody", "")])
    clocks.wall_ms += 24 * 60 * MINUTE_MS
    await sweep(storage, clocks.forgetting)
    assert len((await storage.feed(0, 10)).entries) == 1
    clocks.wall_ms = BEGAN_MS
    clocks.pass_(3 * MINUTE_MS + 1)
    await sweep(storage, clocks.forgetting)
    assert len((await storage.feed(0, 10)).entries) == 1  # the clock may have been ahead when it began
    clocks.pass_(MARGIN_MS)
    await sweep(storage, clocks.forgetting)
    assert not (await storage.feed(0, 10)).entries
    await storage.close()
