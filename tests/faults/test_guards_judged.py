"""The judge of cut-off guards, judged: what runs when it must not is noticed, and so is what is recorded otherwise."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from faults.book import Kind, Write
from faults.guarded import Done
from faults.guards_judged import SLACK_S, Ages, Cut, bad_runs, in_words, noted, recorded_otherwise

AGES = Ages(look=60, read=10)
CUT = Cut(100, 130)
ENDED_S = 105


def done(tool="read", at_s=0.0, reason=None, task="kept", call_id=b"call"):
    return Done(tool, task, b"arguments", call_id, at_s, reason)


def tools(*calls, completed=None) -> list[Any]:
    return [SimpleNamespace(kept="kept", ended="ended", done=list(calls), completed=completed)]


@pytest.mark.parametrize(
    ("tool", "at_s", "stale"),
    [
        ("read", 99, 0),
        ("read", 109, 0),
        ("read", 110 + SLACK_S + 0.1, 1),
        ("read", 129, 1),
        ("read", 130.1, 0),
        ("look", 129, 0),
        ("write", 100 + SLACK_S - 0.1, 0),
        ("write", 102, 1),
        ("write", 130.1, 0),
    ],
)
def test_what_runs_while_its_feed_is_too_old_or_without_the_service_is_noticed(tool, at_s, stale):
    assert bad_runs(tools(done(tool, at_s)), AGES, CUT) == (stale, 0)
    assert bad_runs(tools(done(tool, at_s, "feed_stale")), AGES, CUT) == (0, 0)


@pytest.mark.parametrize(
    ("call", "revoked"),
    [
        (done("look", ENDED_S + 59, task="ended"), 0),
        (done("look", ENDED_S + 62, task="ended"), 1),
        (done("write", 140, task="ended"), 1),
        (done("write", 140, "task_ended", task="ended"), 0),
        (done("write", 140, task="kept"), 0),
    ],
)
def test_what_runs_in_a_task_that_ended_is_noticed(call, revoked):
    assert bad_runs(tools(call, completed=(b"task", ENDED_S)), AGES, CUT) == (0, revoked)
    assert bad_runs(tools(call), AGES, CUT) == (0, 0)


def test_every_decision_has_to_be_found_where_it_was_taken():
    book = noted(
        tools(
            done("read", call_id=b"ran"),
            done("read", reason="feed_stale", call_id=b"refused"),
            done("write", reason="service_unavailable", call_id=b"unanswered"),
            done("write", call_id=b"permitted"),
            completed=(b"task", ENDED_S),
        )
    )
    begun = [Write(Kind.GRANT, b"kept"), Write(Kind.GRANT, b"ended"), Write(Kind.COMPLETE, b"task")]
    recorded = [Write(Kind.RECORD, name) for name in (b"ran", b"refused", b"unanswered")]
    decided = Write(Kind.AUTHORIZE, b"arguments")
    assert book.compare(Counter([*begun, *recorded, decided])).good
    assert book.lost(Counter([*begun, decided])) == set(recorded)
    assert book.lost(Counter([*begun, *recorded])) == {decided}


def test_a_decision_that_nobody_heard_may_be_found():
    book = noted(tools(done("write", reason="service_unavailable")))
    found = Counter([Write(Kind.GRANT, b"kept"), Write(Kind.GRANT, b"ended"), Write(Kind.RECORD, b"call")])
    assert book.compare(found).good
    assert book.compare(found + Counter([Write(Kind.AUTHORIZE, b"arguments")])).good


def test_what_ran_and_is_recorded_as_refused_is_noticed():
    permitted, refused = (SimpleNamespace(call_id=b"call", refusal=refusal) for refusal in (None, "feed_stale"))
    elsewhere = SimpleNamespace(call_id=b"another", refusal="feed_stale")
    assert recorded_otherwise(tools(done()), [permitted, elsewhere]) == 0
    assert recorded_otherwise(tools(done()), [refused]) == 1
    assert recorded_otherwise(tools(done(reason="feed_stale")), [permitted]) == 1


def test_what_happened_meanwhile_is_said_of_each_tool():
    calls = [done("read", 101), done("read", 104), done("read", 112, "feed_stale"), done("look", 90), done("look", 131)]
    assert in_words(tools(*calls), CUT) == ["read: 2 ran, the last after 4.0 s; 1 refused (feed_stale)"]
