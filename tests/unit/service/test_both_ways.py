"""Rules are asked with what tools have said and without, wherever that makes a difference."""

from __future__ import annotations

import pytest

from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.hearsay import Heard, heard_in
from delegation.core.session import TaskSession
from delegation.core.trust import CatalogueTool, Effect
from delegation.service.both_ways import both_ways
from delegation.service.policy_rules import PolicyRules
from support.policies import CATALOGUE, PERMIT, policy_of, question

LISTED = CATALOGUE.find("docs", "read")
UNITED: CatalogueTool = LISTED._replace(labels=LISTED.labels | {"personal"})
ASKED = question("docs.read", arguments={"path": "a"}, task_labels=frozenset({"personal"}))


@pytest.mark.parametrize(
    "said", [frozenset(), frozenset({"declared:label:personal"}), frozenset({"declared:effect:read"})]
)
def test_what_the_catalogue_says_anyway_is_asked_about_once(said):
    asked = ASKED._replace(task_effects=frozenset({Effect.READ}))
    assert both_ways(asked._replace(task_labels=asked.task_labels | said)) == (asked,)


@pytest.mark.spec("T-43")
def test_what_only_tools_say_is_asked_about_with_it_and_without():
    said = ASKED._replace(task_labels=ASKED.task_labels | {"declared:label:secret", "declared:effect:spends"})
    heard = ASKED._replace(
        task_labels=frozenset({"personal", "secret"}), task_effects=frozenset({Effect.SPENDS}), tool=UNITED
    )
    assert both_ways(said._replace(tool=UNITED), LISTED) == (heard, ASKED)
    assert both_ways(ASKED._replace(tool=UNITED), LISTED) == (ASKED._replace(tool=UNITED), ASKED)


@pytest.mark.spec("T-43")
@pytest.mark.parametrize("declared", [NOTHING_DECLARED, Declaration(labels=frozenset({"personal"}))])
def test_what_a_tool_may_do_that_nobody_lists_is_supposed_and_no_evidence(declared):
    rules = PolicyRules(policy_of(PERMIT), CATALOGUE)
    entry = rules.entry("nobody", "lists", declared)
    session = TaskSession().after(entry.noted)
    assert (session.effects, session.calls, session.tools.keys()) == ({}, 1, {"nobody.lists"})
    labels = declared.labels | {"secret"}
    assert heard_in(session.labels) == Heard(frozenset(), labels, frozenset(Effect))
    assert entry.acts == frozenset(Effect)  # with the agent's history: what its calls may have done
    listed = rules.entry("mail", "send")
    assert listed.noted == listed.tool
