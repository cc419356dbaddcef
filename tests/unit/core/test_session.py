"""The state of a task as a value: what a permitted call adds, what a denial does not, and its one text."""

from __future__ import annotations

import json

import pytest

from delegation.core import limits
from delegation.core.session import Happened, TaskSession
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Malformed, Reason, Refused

READ = CatalogueTool("files", "read", frozenset({Effect.READ}), labels=frozenset({"personal"}))
SEND = CatalogueTool("mail", "send", frozenset({Effect.EXTERNAL, Effect.WRITE}))


def test_what_a_task_did_is_known_in_the_order_of_its_calls():
    session = TaskSession().after(READ).after(SEND).after(READ)
    assert session.calls == 3
    assert session.labels == {"personal"}
    assert session.tools == {"files.read": Happened(2, 1, 3), "mail.send": Happened(1, 2, 2)}
    assert session.effects[Effect.READ] == Happened(2, 1, 3)
    assert session.effects[Effect.EXTERNAL] == session.effects[Effect.WRITE] == Happened(1, 2, 2)
    assert session.version == 3


@pytest.mark.spec("A-17")
def test_a_denial_is_counted_and_changes_nothing_else():
    before = TaskSession().after(READ)
    after = before.after_denial()
    assert (after.denials, after.version) == (1, before.version + 1)
    assert (after.labels, after.tools, after.effects, after.calls) == (
        before.labels,
        before.tools,
        before.effects,
        before.calls,
    )


def test_labels_unite_and_are_never_lost():
    session = TaskSession().labelled({"secret"})
    assert session.after(READ).labels == {"secret", "personal"}
    assert session.labelled({"secret"}) is session


def test_what_is_public_leaves_no_label():
    assert TaskSession().after(READ._replace(labels=frozenset({"public"}))).labels == frozenset()


@pytest.mark.spec("A-19")
@pytest.mark.parametrize("past", [0, 1], ids=["at the cap", "one past it"])
@pytest.mark.parametrize("of", ["labels", "tools"])
def test_the_state_of_a_task_is_bounded(of, past):
    def fill():
        session = TaskSession().labelled(f"label {n}" for n in range(limits.SESSION_LABELS + past * (of == "labels")))
        for number in range(limits.SESSION_TOOLS + past * (of == "tools")):
            session = session.after(SEND._replace(tool=f"send{number}"))

    if not past:
        return fill()
    with pytest.raises(Refused) as caught:
        fill()
    assert caught.value.reason is Reason.SESSION_FULL
    return None


def test_a_call_that_ran_counts_as_one_that_was_permitted():
    public = SEND._replace(labels=frozenset({"public"}))
    session = TaskSession()
    assert session.after_running(READ).after_running(public) == session.after(READ).after(public)


def test_labels_of_what_ran_are_kept_past_the_cap_and_names_of_tools_are_not():
    """A task with too many labels is let call nothing more; how many there can be is the catalogue's to say."""
    full = TaskSession().labelled(f"label {number}" for number in range(limits.SESSION_LABELS))
    for number in range(limits.SESSION_TOOLS):
        full = full.after(SEND._replace(tool=f"send{number}"))
    after = full.after_running(READ).after_running(SEND._replace(tool="send0"))
    assert after.labels == full.labels | {"personal"}
    assert (after.calls, after.tools.keys()) == (full.calls + 2, full.tools.keys())
    assert after.effects[Effect.READ].times == 1
    assert after.tools["mail.send0"].times == 2
    assert TaskSession.of_text(after.text(), after.version) == after
    with pytest.raises(Refused):
        after.labelled(())


def test_a_full_session_lets_the_tools_go_on_that_it_knows():
    session = TaskSession()
    for number in range(limits.SESSION_TOOLS):
        session = session.after(SEND._replace(tool=f"send{number}"))
    assert session.after(SEND._replace(tool="send0")).tools["mail.send0"].times == 2


@pytest.mark.parametrize(
    "session",
    [TaskSession(), TaskSession().after(READ).after(SEND), TaskSession().labelled({"geheim ü"}).after_denial()],
    ids=["new", "used", "refused"],
)
def test_its_text_says_all_of_it(session):
    assert TaskSession.of_text(session.text(), session.version) == session


GOOD = TaskSession().after(READ).after(SEND)
SAID = json.loads(GOOD.text())
WRONG = {
    "no JSON": "{",
    "a list": "[]",
    "nothing": "{}",
    "a field more": json.dumps({**SAID, "more": 1}),
    "other whitespace": GOOD.text().replace(",", ", "),
    "a count that is true": GOOD.text().replace('"denials":0', '"denials":true'),
    "a count with a point": GOOD.text().replace('"denials":0', '"denials":0.0'),
    "fewer calls than happened": GOOD.text().replace('"calls":2', '"calls":1'),
    "denials below zero": GOOD.text().replace('"denials":0', '"denials":-1'),
    "an effect that is none": GOOD.text().replace('"external"', '"explode"'),
    "a label twice": GOOD.text().replace('["personal"]', '["personal","personal"]'),
    "labels out of order": GOOD.text().replace('["personal"]', '["secret","personal"]'),
    "a label that is no name": GOOD.text().replace('["personal"]', '[""]'),
    "a tool that never ran": GOOD.text().replace('"mail.send":[1,2,2]', '"mail.send":[0,2,2]'),
    "a last before the first": GOOD.text().replace('"mail.send":[1,2,2]', '"mail.send":[1,2,1]'),
    "more often than there was room": GOOD.text().replace('"mail.send":[1,2,2]', '"mail.send":[2,2,2]'),
    "numbers missing": GOOD.text().replace('"mail.send":[1,2,2]', '"mail.send":[1,2]'),
    "deep nesting": "[" * 100_000,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_text_that_was_not_written_here_is_refused(name):
    assert WRONG[name] != GOOD.text()
    with pytest.raises(Malformed) as caught:
        TaskSession.of_text(WRONG[name], GOOD.version)
    assert caught.value.reason is Reason.FIELD_INVALID
