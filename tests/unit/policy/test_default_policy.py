"""The policy that is shipped: what the chain permits, less two rules, each with its benign twin."""

import pytest

from delegation.core.trust import Catalogue
from delegation.policy.load import default_policy
from delegation.policy.port import Action, Consent, Permit, StepUp
from support.policies import CATALOGUE, question, word

POLICY = default_policy(CATALOGUE)


def read(*labels):
    return {"task_labels": frozenset(labels)}


@pytest.mark.parametrize("label", ["personal", "secret"])
def test_what_could_leave_stays_in_after_something_sensitive_was_read(label):
    assert POLICY.decide(question("mail.send", **read("public", label))) == StepUp((Consent("no-leak"),))


@pytest.mark.parametrize("labels", [(), ("public",), ("internal", "public"), ("embargoed",)])
def test_a_mail_may_be_sent_when_nothing_sensitive_was_read(labels):
    assert POLICY.decide(question("mail.send", **read(*labels))) == Permit()


@pytest.mark.parametrize("tool", ["crm.read", "docs.read", "billing.refund"])
def test_what_stays_inside_goes_on_after_something_sensitive_was_read(tool):
    assert POLICY.decide(question(tool, **read("personal", "secret"))) == Permit()


def test_approval_of_exactly_that_lets_it_leave():
    assert POLICY.decide(question("mail.send", approved=True, **read("personal"))) == Permit()


def test_nobody_changes_who_may_do_what():
    assert POLICY.decide(question("iam.add_role")) == StepUp((Consent("no-privilege-change"),))


def test_approval_of_exactly_that_changes_it():
    assert POLICY.decide(question("iam.add_role", approved=True)) == Permit()


@pytest.mark.parametrize("action", [Action.GRANT, Action.HAND_OFF])
@pytest.mark.parametrize("tool", ["mail.send", "iam.add_role", "unknown.tool"])
def test_grants_and_handoffs_are_the_chains_affair(action, tool):
    assert POLICY.decide(question(tool, action=action, **read("secret"))) == Permit()


def test_a_tool_that_nobody_listed_is_the_most_dangerous_kind():
    assert POLICY.decide(question("unknown.tool")) == StepUp((Consent("no-privilege-change"),))
    both = StepUp((Consent("no-leak"), Consent("no-privilege-change")))
    assert POLICY.decide(question("unknown.tool", **read("personal"))) == both


def test_it_stands_without_a_catalogue():
    assert word(default_policy(Catalogue()).decide(question("docs.read"))) == "permit"
