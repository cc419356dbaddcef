"""What one caller may have under way: counted, given back, paid for, and forgotten."""

from __future__ import annotations

import pytest

from delegation.errors import Overloaded
from delegation.server.caller_limits import CallerLimits, CallerShares


class Clock:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return round(self.seconds * 1e9)


@pytest.fixture
def clock():
    return Clock()


def shares_of(clock, *, remember=100, **limits):
    return CallerShares(CallerLimits(**limits), monotonic_ns=clock, remember=remember)


def test_calls_beyond_the_limit_are_refused_until_one_ends(clock):
    shares = shares_of(clock, calls=2)
    first = shares.begin_call("a")
    shares.begin_call("a")
    with pytest.raises(Overloaded) as refused:
        shares.begin_call("a")
    assert refused.value.retry_after_ms > 0
    first.end_call()(None)
    shares.begin_call("a")


def test_who_takes_no_answers_gets_no_more_until_one_is_taken(clock):
    shares = shares_of(clock, calls=2, per_second=1_000_000)
    taken = [shares.begin_call("a").end_call() for _ in range(2 + 64)]
    with pytest.raises(Overloaded, match="not taken"):
        shares.begin_call("a")
    shares.begin_call("b")
    taken[0](None)
    shares.begin_call("a")


def test_one_callers_calls_are_not_anothers(clock):
    shares = shares_of(clock, calls=1, streams=1)
    shares.begin_call("a")
    assert shares.begin_call("b").calls == 1
    with shares.stream("a"), shares.stream("b"):
        pass


def test_streams_beyond_the_limit_are_refused_until_one_ends(clock):
    shares = shares_of(clock, streams=1)
    with shares.stream("a"), pytest.raises(Overloaded), shares.stream("a"):
        pass
    with shares.stream("a"):
        pass


def test_who_was_quiet_may_ask_for_a_seconds_worth_at_once_and_then_at_the_rate(clock):
    shares = shares_of(clock, calls=1000, per_second=10)
    for _ in range(10):
        shares.begin_call("a")
    with pytest.raises(Overloaded) as refused:
        shares.begin_call("a")
    assert refused.value.retry_after_ms == pytest.approx(100, abs=1)
    clock.seconds += refused.value.retry_after_ms / 1000
    shares.begin_call("a")
    with pytest.raises(Overloaded):
        shares.begin_call("a")


def test_being_refused_costs_no_further_time(clock):
    shares = shares_of(clock, calls=1000, per_second=10)
    for _ in range(10):
        shares.begin_call("a")
    advice = []
    for _ in range(100):
        with pytest.raises(Overloaded) as refused:
            shares.begin_call("a")
        advice.append(refused.value.retry_after_ms)
    assert len(set(advice)) == 1


def test_in_the_long_run_the_rate_is_kept(clock):
    shares = shares_of(clock, calls=10_000, per_second=50)
    begun = 0
    for _ in range(1000):
        clock.seconds += 0.01
        try:
            shares.begin_call("a")
        except Overloaded:
            continue
        begun += 1
    assert 500 <= begun <= 500 + 50


def test_messages_of_a_stream_are_never_refused_but_owe_time(clock):
    shares = shares_of(clock, per_second=10)
    with shares.stream("a") as share:
        owed = [shares.owed_seconds(share) for _ in range(12)]
        assert owed[:8] == [0.0] * 8  # opening it was the first of ten
        assert owed[8:] == pytest.approx([0.1, 0.2, 0.3, 0.4])
        clock.seconds += 5
        assert shares.owed_seconds(share) == 0.0


def test_what_is_kept_of_idle_callers_is_bounded(clock):
    shares = shares_of(clock, remember=50)
    for number in range(10_000):
        shares.begin_call(f"caller {number}").end_call()(None)
    assert len(shares) <= 51


def test_a_caller_with_something_under_way_is_not_forgotten(clock):
    shares = shares_of(clock, calls=1, remember=10)
    shares.begin_call("busy")
    with shares.stream("listening") as share:
        for number in range(1000):
            shares.begin_call(f"caller {number}").end_call()(None)
        assert share.streams == 1
        with pytest.raises(Overloaded):
            shares.begin_call("busy")
        with shares.stream("listening") as again:
            assert again is share
