"""Calls that were refused and ran, as people see them; and counts of calls."""

from __future__ import annotations

import pytest

from delegation.cli.call_counts import MOST_NAMES, count
from delegation.cli.views.call_counts import plain_counts, print_counts
from delegation.cli.views.call_explanation import print_explanation
from delegation.cli.views.call_table import print_call_records, print_calls
from delegation.cli.views.plain import plain_call
from delegation.core.lineage import RecordedCall
from delegation.core.observation import Observation
from delegation.errors import Reason, refusal
from support.chains import NOW_MS, some_bytes


def call(name="one", *, reason=None, observed=None, at_ms=NOW_MS, agent="", **tweaks):
    fields = {
        "call_id": some_bytes(name),
        "task_id": None,
        "leaf_link_id": None,
        "agent": agent,
        "principal_subject": "",
        "audience": "files",
        "tool": "read",
        "refusal": refusal(reason) if reason else None,
        "arguments_digest": some_bytes("arguments", 32),
        "decided_at_ms": at_ms,
        "decided_by": "service",
        "feed_position": 3,
        "observed": observed,
        **tweaks,
    }
    return RecordedCall(**fields)


RAN = call(reason=Reason.CHAIN_MISSING, observed=Observation.LISTED, outcome="ok")
CLAIMED = call("two", reason=Reason.EXPIRED, observed=Observation.CLAIMED)
STAYED = call("three", reason=Reason.EXPIRED)
ALLOWED = call("four", agent="agent:reader")


def test_a_call_that_ran_under_observation_has_a_mark_of_its_own(screen, capsys):
    text = screen(print_calls, [RAN, STAYED])
    assert "~ 08:00:00  files.read" in text
    assert "✗ 08:00:00  files.read" in text
    assert "chain_missing, and ran: ok" in text
    from delegation.cli.terminal import console

    print_call_records(console(), [RAN, STAYED])
    ran, stayed = capsys.readouterr().out.splitlines()
    assert ran.startswith("~ ")
    assert ran.endswith("chain_missing, and ran: ok")
    assert stayed.endswith("expired")


@pytest.mark.spec("T-41")
def test_its_explanation_says_who_had_it_under_observation(screen):
    ran = " ".join(screen(print_explanation, RAN, [], NOW_MS).split())
    assert "~ files.read ran under observation, is refused: chain_missing" in ran
    assert "observed by the operator's catalogue" in ran
    assert "outcome ok" in ran
    claimed = " ".join(screen(print_explanation, CLAIMED, [], NOW_MS).split())
    assert "no catalogue of this service had it under observation then" in claimed
    assert "observed" not in screen(print_explanation, STAYED, [], NOW_MS)
    assert "outcome" not in screen(print_explanation, STAYED, [], NOW_MS)


def test_as_plain_data_it_says_so_too():
    assert [plain_call(each)["observed"] for each in (RAN, CLAIMED, STAYED, ALLOWED)] == [
        *("listed", "claimed"),
        *(None, None),
    ]


def test_calls_are_counted_by_tool_reason_and_whether_they_ran(screen):
    calls = [
        ALLOWED,
        *[call(str(n), reason=Reason.CHAIN_MISSING, observed=Observation.LISTED) for n in range(3)],
        STAYED,
    ]
    counted = count(calls)
    assert [(each.reason, number.calls) for each, number in counted.counts] == [
        ("chain_missing", 3),
        ("", 1),
        ("expired", 1),
    ]
    text = screen(print_counts, counted)
    assert "~ 3  files.read  would be refused: chain_missing, ran" in text
    assert "✓ 1  files.read  allowed" in text
    assert "✗ 1  files.read  refused: expired" in text
    assert "by nobody known" in text
    assert "by agent:reader" in text


def test_what_only_guards_say_is_counted_apart_and_said(screen):
    text = " ".join(screen(print_counts, count([CLAIMED])).split())
    assert "would be refused: expired, ran, only its guard says under observation" in text


def test_many_agents_and_calls_are_counted_within_bounds(screen):
    calls = [call(str(n), agent=f"agent:a-{n}", at_ms=NOW_MS - n) for n in range(MOST_NAMES + 3)]
    calls.append(call("nobody", at_ms=NOW_MS + 5))
    counted = count(iter(calls))
    ((_, number),) = counted.counts
    assert (len(number.agents), number.more, number.unnamed) == (MOST_NAMES, True, 1)
    assert (number.first_ms, number.last_ms) == (NOW_MS - MOST_NAMES - 2, NOW_MS + 5)
    text = " ".join(screen(print_counts, counted).split())
    assert "others, nobody known in 1" in text
    few = count(iter(calls), most=2)
    assert few.more
    assert few.counts[0][1].calls == 2
    assert "Older calls are not counted." in screen(print_counts, few)


def test_counts_are_plain_data_for_programs():
    said = plain_counts(count([RAN]))
    assert said == {
        "counts": [
            {
                "tool": "files.read",
                "reason": "chain_missing",
                "observed": "listed",
                "calls": 1,
                "first_ms": NOW_MS,
                "last_ms": NOW_MS,
                "agents": [],
                "more_agents": False,
                "unnamed": 1,
            }
        ],
        "more": False,
    }


def test_names_do_nothing_to_a_terminal(screen):
    hostile = call("x", tool="read\x1b[2J", agent="agent:\u202ex")
    text = screen(print_counts, count([hostile]))
    assert "\x1b" not in text
