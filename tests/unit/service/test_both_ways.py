"""Rules are asked with what tools have said and without, wherever that makes a difference."""

from __future__ import annotations

import pytest

from delegation.core.trust import CatalogueTool, Effect
from delegation.service.policy_rules import both_ways
from support.policies import CATALOGUE, question

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
