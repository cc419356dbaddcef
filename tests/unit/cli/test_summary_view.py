"""A task's summary, drawn: within the screen, whatever others wrote."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from delegation.cli.views.task_summary import plain_summary, print_summary
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.lineage import ConditionUse, RecordedTask
from delegation_sdk.task_summary import AgentSummary, ImpactSum, Spending, TaskSummary

HOSTILE = "\x1b[2J\u202eevil\n\x9b"
TASK = RecordedTask(bytes(16), HOSTILE, Principal("ada", "idp", PrincipalBasis.ASSERTED), "spiffe://a/b", 1, 2)


def test_a_summary_does_nothing_to_a_terminal(screen):
    agent = AgentSummary(
        HOSTILE,
        HOSTILE,
        1,
        Counter({("files", f"{HOSTILE}{n}"): n for n in range(1, 40)}),
        Counter({(("files", HOSTILE), "scope_grew"): 2}),
        Counter({"": 3, "ok": 1}),
        {HOSTILE: ImpactSum(2, Decimal("1E+3"), (HOSTILE, "x" * 500), more_names=True)},
    )
    spent = Spending(HOSTILE, 2, ConditionUse(HOSTILE, HOSTILE, HOSTILE, "1", "2"))
    summary = TaskSummary(TASK, (agent, AgentSummary("")), (spent,), 5, 6, more=True)
    drawn = screen(print_summary, summary, 10)
    assert "… and 15 more" in drawn
    assert "somebody who could not be established" in drawn
    assert "1000" in drawn
    assert "were not counted" in drawn
    assert plain_summary(summary)["impact"][HOSTILE]["amount"] == "1000"


def test_refused_calls_that_ran_are_told_apart(screen):
    agent = AgentSummary(
        "spiffe://a/b", refused=Counter({(("files", "read"), "expired"): 5}), outcomes=Counter({"ok": 2})
    )
    agent.observed.update({(("files", "read"), "expired"): 2})
    summary = TaskSummary(TASK, (agent,), (), 5, 6)
    drawn = screen(print_summary, summary, 10)
    assert "5 refused, 2 of them ran" in drawn
    assert "expired  5 times, ran 2 times: under observation" in drawn
    assert "2 ended well" in drawn
    plain = plain_summary(summary)
    assert (plain["observed"], plain["agents"][0]["refused"][0]["observed"]) == (2, 2)
