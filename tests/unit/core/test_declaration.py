"""What a tool declares is added to what the catalogue says: nothing gets less, and nothing gets looser."""

from __future__ import annotations

import pytest

from delegation.core.declaration import DECLARED_LABELS, NOTHING_DECLARED, Declaration, checked_labels
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Malformed

READS = frozenset({Effect.READ})
LISTED = CatalogueTool(
    "docs", "read", READS, local=True, labels=frozenset({"public"}), owner="team", maximum_feed_age_ms=5
)


@pytest.mark.spec("T-43")
@pytest.mark.parametrize(
    ("declared", "effects", "labels"),
    [
        (Declaration(frozenset({Effect.EXTERNAL})), READS | {Effect.EXTERNAL}, {"public"}),
        (Declaration(labels=frozenset({"personal"})), READS, {"public", "personal"}),
    ],
    ids=["effects", "labels"],
)
def test_what_is_declared_beyond_the_catalogue_is_added_and_ends_deciding_in_process(declared, effects, labels):
    united = declared.united(LISTED)
    assert (united.effects, united.labels, united.local) == (effects, labels, False)
    assert united._replace(effects=READS, labels=LISTED.labels, local=True) == LISTED


@pytest.mark.parametrize(
    "declared", [NOTHING_DECLARED, Declaration(READS), Declaration(READS, LISTED.labels, b"\1" * 32)]
)
def test_what_the_catalogue_says_already_changes_nothing(declared):
    assert declared.united(LISTED) is LISTED


def test_a_harmless_declaration_takes_nothing_away():
    dangerous = LISTED._replace(effects=frozenset(Effect), local=False, labels=frozenset({"secret"}))
    assert Declaration(READS).united(dangerous) is dangerous


@pytest.mark.parametrize(("pinned", "served", "another"), [(b"", b"1", False), (b"1", b"1", False), (b"1", b"", True)])
def test_a_tool_is_another_one_unless_it_is_known_to_be_the_pinned_one(pinned, served, another):
    declared = Declaration(manifest_digest=served)
    assert declared.is_another(LISTED._replace(manifest_digest=pinned)) is another


def test_labels_are_those_that_a_catalogue_could_have():
    assert checked_labels(["personal", "own_2"]) == {"personal", "own_2"}
    for wrong in (["Personal"], ["a b"], [""], ["x" * 65], [f"label-{n}" for n in range(DECLARED_LABELS + 1)]):
        with pytest.raises(Malformed):
            checked_labels(wrong)
