"""Cerbos, a real decision point, in the place of rules: its policy says what the shipped one says."""

from __future__ import annotations

import pytest

from delegation.core.scope import any_call
from integration.decision_point.conftest import DOCS, READ, SEND, said_no
from support.cerbos_server import running_cerbos

FORBIDS = "the decision point forbids it"


@pytest.fixture(scope="module")
def cerbos(tmp_path_factory, files):
    with running_cerbos(tmp_path_factory.mktemp("cerbos"), files) as url:
        yield url


@pytest.mark.spec("A-39")
def test_what_a_task_has_read_it_does_not_send_out(start, cerbos, database):
    asking = start(policy={"decision_point": cerbos}, **database)
    task = asking.planner.grant(READ, SEND, DOCS)
    reader, sender = (asking.planner.hand_off(task, f"agent/{name}") for name in ("reader", "sender"))
    assert asking.refusal(sender, "mail.send") is None  # nothing was read yet
    assert asking.refusal(reader, "crm.read") is None
    assert said_no(asking.refusal(sender, "mail.send")) == FORBIDS
    assert asking.refusal(sender, "docs.read") is None
    assert asking.refusal(asking.as_("agent/other").grant(SEND), "mail.send") is None


def test_it_sees_effects_and_arguments(start, cerbos):
    asking = start(policy={"decision_point": cerbos})
    task = asking.planner.grant(SEND, any_call("iam", "add_role"))
    assert said_no(asking.refusal(task, "iam.add_role")) == FORBIDS
    assert asking.refusal(task, "mail.send", copies=10) is None
    assert said_no(asking.refusal(task, "mail.send", copies=11)) == FORBIDS


def test_calls_of_one_task_at_the_same_time_all_get_their_answer(start, cerbos, database):
    asking = start(policy={"decision_point": cerbos}, **database)
    task = asking.planner.grant(DOCS)
    calls = [asking.later(task, "docs.read") for _ in range(12)]
    assert [call.result(30) for call in calls] == [None] * 12
