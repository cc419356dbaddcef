"""Conditions as people write them. What they narrow is in test_narrowing, how they are carried in codec."""

from __future__ import annotations

import pytest

from delegation.core.conditions import ApprovalRequirement, Budget, CallCount, approved_by, at_most_calls, budget
from delegation.core.constraints import under
from delegation.core.narrowing import taken_away
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import Reason, Refused
from support.chains import chain, verify

pytestmark = pytest.mark.spec("S-17")


def test_conditions_read_like_english():
    capability = tool(
        "billing",
        "refund",
        approved_by("ben", "ada", threshold=2),
        budget("amount", "500.00"),
        at_most_calls(5),
        order=under("/orders"),
    )
    assert capability.conditions == (CallCount(5), Budget("amount", "500"), ApprovalRequirement(("ada", "ben"), 2))
    assert capability.describe() == (
        "billing.refund(order: a path under /orders), at most 5 calls, amount of at most 500 in sum, "
        "approval by 2 of ada, ben"
    )
    assert any_call("billing", "refund", at_most_calls(1)).describe() == "billing.refund(any arguments), at most 1 call"


WRONG = {
    "no calls": lambda: at_most_calls(0),
    "fewer calls than none": lambda: at_most_calls(-1),
    "true calls": lambda: at_most_calls(True),
    "half a call": lambda: at_most_calls(1.5),
    "a budget below zero": lambda: budget("amount", -1),
    "a budget in words": lambda: budget("amount", "much"),
    "a budget of true": lambda: budget("amount", True),
    "a budget of nothing": lambda: budget("", 1),
    "a budget of what is no name": lambda: budget("a\nb", 1),
    "nobody's approval": approved_by,
    "an approver without a name": lambda: approved_by(""),
    "approval by none": lambda: approved_by("ada", threshold=0),
    "approval by more than there are": lambda: approved_by("ada", threshold=2),
    "approval by one, twice": lambda: approved_by("ada", "ada", threshold=2),
    "approval by true": lambda: approved_by("ada", threshold=True),
    "two counts": lambda: tool("a", "t", at_most_calls(1), at_most_calls(2)),
    "two budgets of an argument": lambda: any_call("a", "t", budget("x", 1), budget("x", 2)),
    "an approval twice": lambda: tool("a", "t", approved_by("ada"), approved_by("ada")),
}


@pytest.mark.parametrize("name", WRONG)
def test_nobody_can_ask_for(name: str):
    with pytest.raises(Refused) as caught:
        WRONG[name]()
    assert caught.value.reason is Reason.FIELD_INVALID


def test_conditions_that_a_handoff_added_are_said_in_words():
    wide, narrow = Scope(any_call("a", "t")), Scope(any_call("a", "t", at_most_calls(3), budget("x", 5)))
    first, second = (signed.link for signed in verify(chain("root -> planner", scopes=[wide, narrow]).token).links)
    words = taken_away(second, first)
    assert words[:2] == ["a.t: only at most 3 calls", "a.t: only x of at most 5 in sum"]
