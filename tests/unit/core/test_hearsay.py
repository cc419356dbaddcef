"""What only tools have said is noted under names of its own, within bounds, and found again."""

from __future__ import annotations

import pytest

from delegation.core import limits
from delegation.core.declaration import Declaration
from delegation.core.hearsay import Heard, heard_in, noted_of, noted_unpermitted, sticking
from delegation.core.session import TaskSession
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import ConditionUnmet

LISTED = CatalogueTool("docs", "read", frozenset({Effect.READ}), labels=frozenset({"public", "personal"}))
SAID = Declaration(frozenset({Effect.SPENDS, Effect.READ}), frozenset({"secret", "personal"}))
NOTED = noted_of(LISTED, SAID.united(LISTED))


@pytest.mark.spec("T-43")
def test_what_is_noted_is_the_catalogues_word_and_apart_from_it_what_the_tool_says():
    session = TaskSession().after(NOTED)
    assert session.effects.keys() == {Effect.READ}
    assert heard_in(session.labels) == Heard(frozenset({"personal"}), frozenset({"secret"}), frozenset({Effect.SPENDS}))
    assert TaskSession.of_text(session.text(), session.version) == session


def test_where_tools_have_said_nothing_there_is_nothing_to_ask_twice():
    assert noted_of(LISTED, LISTED) == LISTED
    assert heard_in(LISTED.labels) is None


def test_effects_are_one_tasks_and_stick_to_nobody():
    assert heard_in(sticking(NOTED.labels)) == Heard(LISTED.labels, frozenset({"secret"}), frozenset())


@pytest.mark.parametrize("after", [TaskSession.after, TaskSession.after_running])
def test_tools_that_say_much_fill_no_task(after):
    """The most sensitive label stands for all of theirs; what the catalogue says is kept beside it."""
    many = frozenset(f"label-{n:03}" for n in range(limits.SESSION_LABELS))
    session = after(TaskSession().labelled(many), NOTED._replace(labels=frozenset()))
    for n in range(limits.SESSION_LABELS + 8):
        session = after(session, noted_of(LISTED._replace(labels=many), LISTED._replace(labels=many | {f"own-{n}"})))
    heard = heard_in(session.labels)
    assert heard.labels == many
    assert "secret" in heard.declared_labels
    assert len(heard.declared_labels) < limits.SESSION_LABELS
    if after is TaskSession.after:
        with pytest.raises(ConditionUnmet):
            session.labelled({"one more"})


@pytest.mark.spec("A-30")
def test_of_what_ran_though_it_was_refused_nothing_is_the_catalogues_word():
    session = TaskSession().tainted(noted_unpermitted(NOTED).labels)
    assert (session.calls, session.effects, session.tools) == (0, {}, {})
    said = Heard(frozenset(), frozenset({"personal", "secret"}), frozenset({Effect.READ, Effect.SPENDS}))
    assert heard_in(session.labels) == said
    assert TaskSession.of_text(session.text(), session.version) == session
