"""What the engine has answered is remembered: for the very same question, and no other."""

from __future__ import annotations

import pytest

from delegation.policy import answers
from delegation.policy.answers import Answers, Asked
from delegation.policy.engine import cedar

PERMIT = cedar().PolicySet.from_str("permit (principal, action, resource);")
FORBID = cedar().PolicySet.from_str("forbid (principal, action, resource);")
ASKED = Asked(PERMIT, "planner", "call", "Tool", "mail.send", '{"depth": 1}')


@pytest.fixture
def evaluated(monkeypatch):
    """What the engine itself is asked."""
    asked = []
    evaluate = Answers._evaluated

    def counted(self, question):
        asked.append(question)
        return evaluate(self, question)

    monkeypatch.setattr(Answers, "_evaluated", counted)
    return asked


def test_the_same_question_is_evaluated_once(evaluated):
    known = Answers()
    assert known.to(ASKED) == known.to(ASKED._replace(context='{"depth": 1}'))
    assert evaluated == [ASKED]


@pytest.mark.parametrize(
    "other",
    [
        {"policies": FORBID},
        {"agent": "worker"},
        {"action": "grant"},
        {"tool_type": "UnlistedTool"},
        {"tool": "mail.read"},
        {"context": '{"depth": 2}'},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_question_is_evaluated(evaluated, other):
    known = Answers()
    known.to(ASKED)
    answer = known.to(ASKED._replace(**other))
    assert len(evaluated) == 2
    assert answer.decision == ("Deny" if "policies" in other else "Allow")


def test_a_failure_is_not_remembered(monkeypatch):
    known, evaluate = Answers(), Answers._evaluated

    def fails(self, question):
        raise RuntimeError

    monkeypatch.setattr(Answers, "_evaluated", fails)
    with pytest.raises(RuntimeError):
        known.to(ASKED)
    monkeypatch.setattr(Answers, "_evaluated", evaluate)
    assert known.to(ASKED).decision == "Allow"


def test_what_is_remembered_is_bounded(evaluated, monkeypatch):
    monkeypatch.setattr(answers, "_REMEMBERED", 2)
    known = Answers()
    for number in (1, 2, 3, 3, 1):
        known.to(ASKED._replace(agent=f"agent {number}"))
    assert [asked.agent for asked in evaluated] == ["agent 1", "agent 2", "agent 3", "agent 1"]


def test_what_is_long_is_not_remembered(evaluated):
    known, long = Answers(), ASKED._replace(context='{"purpose": "%s"}' % ("x" * 1024))
    assert known.to(long) == known.to(long)
    assert len(evaluated) == 2
