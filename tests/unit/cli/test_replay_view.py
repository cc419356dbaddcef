"""What `delegation policy replay` prints: counts by tool and rule, then calls; what callers wrote does nothing."""

from __future__ import annotations

import io
import os

import pytest
from rich.console import Console

from delegation.cli.terminal import THEME
from delegation.cli.views.policy_replay import plain_report, print_report
from delegation.cli.views.replayed_scopes import plain_scopes, print_scopes
from delegation.core.lineage import RecordedCall, RecordedLink
from delegation.core.scope import Scope, any_call
from delegation.errors import Refused
from delegation.service.policy_replay import Kind, Replayed, Report, ScopeReplay, ScopesReport, given_in
from support.chains import agent, chain
from support.policies import CATALOGUE, PERMIT, policy_of

NOW_MS = 1_795_000_000_000


def call(tool="send", **fields):
    made = {
        "call_id": os.urandom(16),
        "task_id": b"t" * 16,
        "leaf_link_id": b"l" * 32,
        "agent": "spiffe://acme.example/worker",
        "principal_subject": "ada",
        "audience": "mail",
        "tool": tool,
        "refusal": None,
        "arguments_digest": bytes(32),
        "decided_at_ms": NOW_MS,
        "decided_by": "service",
        "feed_position": 0,
    }
    return RecordedCall(**{**made, **fields})


@pytest.fixture
def printed():
    def print_(report):
        out = Console(file=io.StringIO(), theme=THEME, width=100, highlight=False, markup=False, emoji=False)
        print_report(out, report, NOW_MS - 60_000)
        return out.file.getvalue()

    return print_


def test_nothing_differs_in_one_line(printed):
    report = Report()
    for _ in range(1_200):
        report.take(call(), Replayed(Kind.PERMITTED, Kind.PERMITTED))
    assert printed(report) == "1,200 calls since 2026-11-18 11:05:40 UTC: 1,200 decided as before, 0 differently\n"


def test_counts_come_first_and_then_the_calls(printed):
    report, one = Report(), call()
    report.take(one, Replayed(Kind.PERMITTED, Kind.REFUSED, ("no-leak",), rebuilt=("taskLabels",)))
    report.take(call("read", principal_subject="x"), Replayed(Kind.REFUSED, Kind.PERMITTED))
    report.take(call("pay"), Replayed(Kind.PERMITTED, None, why_not="the argument amount was not kept"))
    report.take(call(decided_by="ab"), None)
    report.more = True
    assert printed(report).splitlines()[:9] == [
        "3 calls since 2026-11-18 11:05:40 UTC: 0 decided as before, 2 differently, 1 cannot be told",
        "Of 1 call, rules read what was rebuilt from other records.",
        "1 call beside, not for rules to decide: 1 decided in process.",
        "",
        "      1  mail.send  permitted, now refused by no-leak",
        "      1  mail.read  refused, now permitted",
        "      1  mail.pay   cannot be told: the argument amount was not kept",
        "",
        f"2026-11-18 11:06:40 UTC  {one.call_id.hex()}  mail.send  permitted, now refused by no-leak",
    ]
    assert "    by spiffe://acme.example/worker for ada; rebuilt: taskLabels" in printed(report)
    assert printed(report).endswith("There are older ones, which were not looked at: --limit\n")


def test_what_callers_have_named_does_nothing_to_a_terminal(printed):
    report = Report()
    evil = call("send\x1b[2J\u202e", agent="a\x1b]0;x\x07", principal_subject="p\nq")
    report.take(evil, Replayed(Kind.PERMITTED, Kind.REFUSED, ("no",)))
    report.take(evil, Replayed(Kind.PERMITTED, None, why_not="the argument \x1b[31m was not kept"))
    out = printed(report)
    assert not {"\x1b", "\x07", "\u202e"} & set(out)
    assert len(out.splitlines()) == 7


def test_plain_data_says_the_same(printed):
    report = Report()
    report.take(call(), Replayed(Kind.APPROVAL, Kind.SIGN_IN, ("in",)))
    plain = plain_report(report, bytes(32), NOW_MS)
    assert plain["changes"] == [
        {"tool": "mail.send", "then": "needs approval", "now": "needs a sign-in", "rules": ["in"], "calls": 1}
    ]
    assert (plain["different"], plain["same"], plain["differing"][0]["agent"]) == (1, 0, "spiffe://acme.example/worker")


def test_scopes_are_told_with_whom_they_were_given_to():
    report = ScopesReport()
    made = chain("planner -> worker", scopes=(Scope(any_call("mail", "send")),))
    rows = list(enumerate(made.signed))
    links = [RecordedLink(i, rows[n - 1][1][2] if n else None, n, p, s, NOW_MS, False) for n, (p, s, i) in rows]
    ask = ScopeReplay(
        policy_of(PERMIT + '@id("no") forbid (principal, action == Action::"handOff", resource);'), CATALOGUE
    )
    for then in given_in(links):
        report.take(then, ask(then))
    report.cannot_tell("", "its task has more links than one answer holds")
    out = Console(file=io.StringIO(), theme=THEME, width=100, highlight=False, markup=False, emoji=False)
    print_scopes(out, report)
    worker = links[1].link_id.hex()
    assert out.file.getvalue().splitlines() == [
        "",
        "2 grants and handoffs: 1 permitted as before, 1 not, 1 cannot be told",
        "      1  mail.send handed on, now refused by no",
        "      1  some cannot be told: its task has more links than one answer holds",
        f"2026-11-18 11:06:40 UTC  {worker}  mail.send handed on to {agent('worker')} by no",
    ]
    plain = plain_scopes(report)
    assert (plain["given"], plain["differing"][0]["agent"], plain["untold"][0]["tool"]) == (2, agent("worker"), None)


def test_a_link_of_no_chain_is_refused():
    made = chain("planner -> worker")
    payload, signature, identity = made.signed[1]
    with pytest.raises(Refused):
        list(given_in([RecordedLink(identity, b"x" * 32, 1, payload, signature, NOW_MS, False)]))
