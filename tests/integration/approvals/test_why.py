"""`delegation why`: an auditor learns from a call who has consented to it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from delegation.cli import consent
from delegation.cli.program import program
from delegation.errors import PermissionDenied, Reason
from delegation.storage.approvals import REQUESTS_OF_A_TASK
from support.approvals import ANN, BEN, EVE, PATH, PLANNER, WORKER
from support.server import spiffe_id


@pytest.fixture
def why(world, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")

    def run(call_id, *words, who="auditor/ada"):
        arguments = ["why", call_id.hex(), *words, "--profile", str(world.server.profile(who))]
        result = CliRunner().invoke(program(), arguments, catch_exceptions=True)
        if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output

    return run


def test_a_permitted_call_names_the_request_that_it_used_up_and_everybody_who_consented(world, why):
    task = world.task(world.needs(ANN, BEN, threshold=2))
    world.approved(task, ANN, BEN, arguments={"path": "/srv/other"})
    request = world.approved(task, ANN, BEN)
    decided = world.decide(task)
    told = why(decided.call_id)
    assert f"request {request.request_id.hex()}, approved, and used" in told
    assert told.count("approved  ") == 2
    for person in (ANN, BEN):
        assert f"by {spiffe_id(person)}, " in told
    approval = json.loads(why(decided.call_id, "--json"))["approval"]
    assert (approval["request_id"], approval["call_id"]) == (request.request_id.hex(), decided.call_id.hex())
    assert [answer["approver"] for answer in approval["answers"]] == [spiffe_id(ANN), spiffe_id(BEN)]


def test_a_call_that_lacks_consent_names_the_request_that_waits_for_just_that_call(world, why):
    task = world.task(world.needs(ANN))
    other, request = world.ask(task, {"path": "/srv/other"}), world.ask(task)
    decided = world.decide(task)
    assert decided.refusal.reason is Reason.APPROVAL_REQUIRED
    told = why(decided.call_id)
    assert f"request {request.request_id.hex()}, open" in told
    assert other.request_id.hex() not in told
    world.answer(ANN, request, approve=False, because="\x1b[2Jstill needed")
    told = why(decided.call_id)
    assert "still needed" in told
    assert "\x1b" not in told
    assert f"refused   by {spiffe_id(ANN)}, " in told


def test_of_several_requests_about_one_call_it_is_the_newest(world, why):
    task = world.task(world.needs(ANN))
    before = world.ask(task)
    world.client(PLANNER).approvals.withdraw(before.request_id)
    request = world.ask(task)
    decided = world.decide(task)
    told = why(decided.call_id)
    assert request.request_id.hex() in told
    assert before.request_id.hex() not in told


def test_all_requests_that_a_task_opens_are_looked_through():
    assert consent._MOST >= REQUESTS_OF_A_TASK


def test_other_calls_name_none(world, why):
    free = world.task()
    permitted = world.decide(free)
    refused = world.decide(free, {"path": "/etc/passwd"})
    for decided in (permitted, refused):
        assert "consent" not in why(decided.call_id)
        assert json.loads(why(decided.call_id, "--json"))["approval"] is None


def test_who_may_not_see_a_request_is_not_told_of_it(world, why):
    task = world.task(world.needs(ANN))
    world.approved(task)
    decided = world.decide(task, PATH)
    assert "consent" in why(decided.call_id)
    assert "consent" not in why(decided.call_id, who=WORKER)
    with pytest.raises(PermissionDenied):
        why(decided.call_id, who=EVE)


def test_who_made_the_call_learns_it_too(world, why):
    task = world.task(world.needs(ANN))
    request = world.approved(task)
    assert request.request_id.hex() in why(world.decide(task).call_id, who=PLANNER)
