"""What is remembered of an agent, as a value: what counts, until when, how much there is of it, and its one text."""

from __future__ import annotations

import pytest

from delegation.core.agent_history import AgentHistory, RecentActs
from delegation.core.trust import Effect
from delegation.errors import Malformed

READ, EXTERNAL = frozenset({Effect.READ}), frozenset({Effect.EXTERNAL, Effect.WRITE})
NOW = 1_000_000


def called(history, effects=READ, *, until, now=NOW):
    return history.after_call(effects, now_ms=now, until_ms=until)


def test_calls_denials_and_effects_of_all_spans_come_together():
    history = called(called(AgentHistory(), until=NOW + 10), EXTERNAL, until=NOW + 20)
    history = history.after_denial(now_ms=NOW, until_ms=NOW + 20)
    assert history.recent(NOW) == RecentActs(2, 1, READ | EXTERNAL)
    assert history.until_ms == NOW + 20


def test_each_span_is_forgotten_when_its_time_has_come_and_as_a_whole():
    history = called(called(AgentHistory(), until=NOW + 10), EXTERNAL, until=NOW + 20)
    assert history.recent(NOW + 9) == RecentActs(2, 0, READ | EXTERNAL)
    assert history.recent(NOW + 10) == RecentActs(1, 0, EXTERNAL)
    assert history.recent(NOW + 20) == RecentActs()


def test_a_denial_has_no_effect():
    assert AgentHistory().after_denial(now_ms=NOW, until_ms=NOW + 1).recent(NOW) == RecentActs(0, 1)


def test_what_a_replica_behind_adds_is_found_in_its_place():
    early, late = called(AgentHistory(), until=NOW + 10), called(AgentHistory(), until=NOW + 20)
    assert called(early, until=NOW + 20) == called(late, until=NOW + 10)


def test_however_often_and_long_it_acts_little_is_kept_and_nothing_that_counts_is_lost():
    history = AgentHistory()
    for step in range(1000):
        history = called(history, EXTERNAL if step == 0 else READ, until=NOW + 5_000 + step)
    assert len(history.text()) < 2_000
    assert history.recent(NOW) == RecentActs(1000, 0, READ | EXTERNAL)


def test_what_is_over_is_dropped_once_there_is_no_room_left():
    history = AgentHistory()
    for step in range(1000):
        history = called(history, until=NOW + step + 16, now=NOW + step)
    assert history.recent(NOW + 999).calls == 16
    assert history.recent(0).calls < 100


@pytest.mark.parametrize(
    "history",
    [
        AgentHistory(),
        called(called(AgentHistory(), EXTERNAL, until=5), until=9).after_denial(now_ms=1, until_ms=9),
    ],
)
def test_it_is_what_its_text_says(history):
    assert AgentHistory.of_text(history.text()) == history


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "null",
        "[1]",
        "[[]]",
        "[[5,1,0]]",
        '[[5,1,0,["flies"]]]',
        "[[5,-1,0,[]]]",
        "[[5,1.0,0,[]]]",
        "[[5,true,0,[]]]",
        "[[9,1,0,[]],[5,1,0,[]]]",
        "[[5,1,0,[]],[5,1,0,[]]]",
        '[[5,1,0,["write","read"]]]',
        "[[5, 1, 0, []]]",
        "[" + ",".join(f"[{n},1,0,[]]" for n in range(1, 40)) + "]",
        "[" * 100_000,
    ],
)
def test_nothing_else_is_read(text):
    with pytest.raises(Malformed):
        AgentHistory.of_text(text)
