"""A rule that a sign-in lifts, asked about twice: whoever repeats a question is told again how to sign in."""

from __future__ import annotations

import pytest

from delegation.core.scope import any_call
from delegation.errors import Reason
from integration.policy.conftest import PERMIT

RULE = (
    '@id("s") @obligation("authenticate") @acr("phr") @max_age("300")'
    ' forbid (principal, action == Action::"call", resource == Tool::"docs.read");\n'
)


def ask(ruled, question):
    refused = ruled.as_("tool/all").decide_question(question).refusal
    assert refused.reason is Reason.AUTHENTICATION_REQUIRED
    return refused


@pytest.mark.spec("A-33", "A-32")
def test_a_repeated_question_is_answered_with_how_to_sign_in_after_a_restart_too(start):
    ruled = start(PERMIT + RULE)
    question = ruled.as_("agent/planner").grant(any_call("docs", "read")).question("docs", "read", {})
    first = ask(ruled, question)
    assert (first.acr_values, first.max_age_s, first.field) == (("phr",), 300, "s")
    again = ask(ruled, question)
    assert (again.acr_values, again.max_age_s, again.field) == (("phr",), 300, "s")

    ruled.stop()
    other = start(PERMIT + RULE)  # which remembers what is recorded
    recorded = ask(other, question)
    assert (recorded.acr_values, recorded.max_age_s, recorded.field) == (("phr",), 300, "s")


@pytest.mark.spec("A-33")
def test_where_the_rules_have_changed_since_a_repeated_question_is_told_to_be_asked_anew(start):
    ruled = start(PERMIT + RULE)
    task = ruled.as_("agent/planner").grant(any_call("docs", "read"))
    question = task.question("docs", "read", {})
    ask(ruled, question)
    ruled.stop()
    other = start(PERMIT + RULE.replace('"s"', '"t"').replace('"phr"', '"mfa"'))
    told = ask(other, question)
    assert (told.acr_values, told.max_age_s) == ((), None)
    assert "make the call anew" in told.detail
    anew = ask(other, task.question("docs", "read", {}))
    assert (anew.acr_values, anew.max_age_s, anew.field) == (("mfa",), 300, "t")
