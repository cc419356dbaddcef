"""What a policy was told is kept whole, read back as it was, and never forgets a field."""

from __future__ import annotations

import json

import pytest

from delegation.core.trust import Effect
from delegation.errors import Refused
from delegation.policy.port import Consent, PolicyQuestion
from delegation.policy.vocabulary import BUDGETS_LEFT, FIELDS
from delegation.service.question_fields import HAD_ELSEWHERE, RECORDED, known_fields
from delegation.service.risk_inputs import INPUTS_BYTES, RiskInputs, inputs_text
from support.policies import PLANNER, question

TOLD = {
    "asserted": frozenset({PLANNER}),
    "owner": "team-a",
    "task_labels": frozenset({"personal", "health"}),
    "task_effects": frozenset({Effect.READ, Effect.EXTERNAL}),
    "task_tools": frozenset({"crm.read", "mail.send"}),
    "task_calls": 3,
    "task_denials": 1,
    "agent_calls": 7,
    "agent_denials": 0,
    "agent_effects": frozenset({Effect.READ}),
    "calls_left": 0,
    "budgets_left": {"amount": "12.5"},
    "manifest_changed": True,
}


def test_every_field_of_a_question_is_kept_or_had_elsewhere_and_none_is_both():
    assert RECORDED.keys() | HAD_ELSEWHERE == set(PolicyQuestion._fields)
    assert not RECORDED.keys() & HAD_ELSEWHERE
    assert TOLD.keys() == RECORDED.keys()


def test_every_field_is_kept_under_its_word_in_policies():
    words = {field.word for field in RECORDED.values()}
    assert len(words) == len(RECORDED)
    assert words <= {*FIELDS, BUDGETS_LEFT}


def test_what_is_written_is_read_back():
    text = inputs_text(
        question("crm.read", **TOLD),
        tuple(RECORDED),
        consented=(Consent("mail", ("ann", "ben"), 2, principal_may_approve=True),),
        fulfils=frozenset({"redact"}),
        declared=True,
    )
    read = RiskInputs.of_text(text)
    assert read.fields == TOLD
    assert read.consented == (Consent("mail", ("ann", "ben"), 2, principal_may_approve=True),)
    assert (read.fulfils, read.declares, read.labels) == ({"redact"}, True, {"personal"})
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text


def test_what_is_known_and_says_nothing_takes_no_room_and_is_read_back():
    known = known_fields((), noted=False, agents_noted=False)
    assert inputs_text(question("crm.read"), known) == "{}"
    assert RiskInputs.of_text("{}").fields == {name: PolicyQuestion._field_defaults[name] for name in known}


def test_what_nobody_looked_up_is_not_read_back_as_nothing():
    known = known_fields((), noted=False, agents_noted=False)
    assert (
        not {"owner", "task_calls", "agent_calls"}
        & RiskInputs.of_text(inputs_text(question("a.b"), known)).fields.keys()
    )
    known = known_fields({"agentOwner"}, noted=True, agents_noted=False)
    fields = RiskInputs.of_text(inputs_text(question("a.b"), known)).fields
    assert (fields["owner"], fields["task_calls"]) == ("", 0)
    assert "agent_calls" not in fields
    known = known_fields((), noted=False, agents_noted=True)
    assert RiskInputs.of_text(inputs_text(question("a.b"), known)).fields["agent_calls"] is None


def test_what_is_long_is_kept_without_tools_or_not_at_all():
    many = frozenset(f"audience{number}.tool" for number in range(2_000))
    text = inputs_text(question("a.b", task_tools=many, task_calls=2_000), ("task_tools", "task_calls"))
    assert RiskInputs.of_text(text).fields["task_calls"] == 2_000
    assert "task_tools" not in RiskInputs.of_text(text).fields
    labels = frozenset("l" * 60 + str(number) for number in range(200))
    assert inputs_text(question("a.b", task_labels=labels), ("task_labels",)) is None
    assert inputs_text(question("a.b", task_labels=frozenset({"\ud800"})), ("task_labels",)) is None
    exact = frozenset({"l" * (INPUTS_BYTES - len('{"task_labels":[""]}'))})
    assert len(inputs_text(question("a.b", task_labels=exact), ("task_labels",))) == INPUTS_BYTES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "3",
        '{"task_calls":-1}',
        '{"task_calls":true}',
        '{"task_labels":"personal"}',
        '{"task_labels":[3]}',
        '{"task_effects":["none"]}',
        '{"budgets_left":[]}',
        '{"budgets_left":{"amount":3}}',
        '{"manifest_changed":1}',
        '{"owner":null}',
        '{"consented":[["mail"]]}',
        '{"consented":3}',
        "[" * 100_000,
    ],
)
def test_what_nobody_has_written_is_refused(text):
    with pytest.raises(Refused):
        RiskInputs.of_text(text)
