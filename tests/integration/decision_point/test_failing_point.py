"""A decision point that does not decide: whatever it does instead, nothing is permitted; once it does, all goes on."""

from __future__ import annotations

import time

import pytest

from delegation.core.scope import Scope
from delegation.errors import Overloaded, PolicyDenied, Reason, Undecided
from delegation.policy.authzen import MAX_ANSWER_BYTES
from delegation.service import late_links
from delegation.service.decision_point import DecisionPoint
from delegation.wire import authorization
from integration.decision_point.conftest import DOCS, READ, SEND, no_leak, said_no
from support.caller import GuardRecords, decided, new_key, nonce
from support.decision_point import point_files, running_point
from support.load import until
from support.server import spiffe_id

YES = b'{"decision": true}'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, b"<html>yes</html>"), "gave an answer that is not JSON"),
        ((200, {}, b'{"allow": true}'), "gave an answer that has no decision"),
        ((200, {}, YES + b" " * MAX_ANSWER_BYTES), "gave an answer that is too large"),
        ((302, {"location": "/access/v1/evaluation"}, YES), "gave an answer that has status 302"),
        ((307, {"location": "https://localhost/elsewhere"}, YES), "gave an answer that has status 307"),
        ((500, {}, YES), "gave an answer that has status 500"),
        ((401, {}, YES), "gave an answer that has status 401"),
    ],
    ids=["garbage", "another form", "huge", "redirect here", "redirect elsewhere", "error", "token not taken"],
)
def test_what_is_no_answer_is_a_denial(start, answer, words):
    asking = start()
    task = asking.planner.grant(SEND)
    asking.point.answer = answer
    assert said_no(asking.refusal(task, "mail.send")) == f"the decision point {words}"
    for give in (lambda: asking.planner.grant(SEND), lambda: asking.planner.hand_off(task, "agent/worker")):
        with pytest.raises(Undecided) as undecided:
            give()
        assert undecided.value.reason is Reason.SERVICE_UNAVAILABLE
        assert undecided.value.detail == f"mail.send: the decision point {words}"
    asking.point.answer = None
    assert asking.refusal(task, "mail.send") is None


def test_an_answer_that_does_not_come_is_a_denial_in_time(start, database):
    asking = start(timeout_ms=500, **database)
    task = asking.planner.grant(SEND)
    with asking.point.holding():
        began = time.monotonic()
        assert said_no(asking.refusal(task, "mail.send")) == "the decision point did not answer within 0.5 s"
        assert time.monotonic() - began < 10  # and not the 20 s that the caller would wait
    assert asking.refusal(task, "mail.send") is None
    permitted, denied = asking.records(task)
    assert (permitted.allowed, denied.allowed) == (True, False)


def test_an_answer_that_comes_in_drips_is_a_denial_in_time(start):
    asking = start(timeout_ms=500)
    task = asking.planner.grant(SEND)
    asking.point.drips = True
    asking.point.answer = 200, {"content-length": "60000"}, YES
    assert said_no(asking.refusal(task, "mail.send")) == "the decision point did not answer within 0.5 s"


def test_a_certificate_of_another_ca_is_a_denial(start, tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    asking = start(policy={"decision_point_ca": point_files(others).ca})
    with pytest.raises(Undecided):
        asking.planner.grant(SEND)
    assert asking.point.asked == []


def test_the_callers_deadline_is_the_end_of_it_and_nothing_is_recorded(start):
    asking = start()
    task = asking.planner.grant(SEND)
    with asking.point.holding() as questions:
        message = authorization.authorize_request_message(task.question("mail", "send", {}))
        call = asking.as_("tool/all").authorization.Authorize.future(message, timeout=2)
        questions.next()
        assert call.exception(30).code().name in {"DEADLINE_EXCEEDED", "UNAVAILABLE"}
        room = asking.server.application.policy_in_use()._point.room
        until(lambda: not room._taken)  # the service hears of it a moment later; only then the question is let go
    assert asking.records(task) == []
    assert asking.refusal(task, "mail.send") is None  # its turn was given back


def test_a_dead_decision_point_does_not_fill_the_service(start, monkeypatch):
    asking = start()
    rules = asking.server.application.policy_in_use()
    point = DecisionPoint(rules._point.policy, under_way=2, places=4)
    monkeypatch.setattr(rules, "_point", point)
    tasks = [asking.as_(f"agent/planner-{number}").grant(SEND) for number in range(5)]
    with asking.point.holding() as questions:
        waiting = [asking.later(task, "mail.send") for task in tasks[:4]]
        questions.next(), questions.next()
        until(lambda: point.room._left == 0)
        with pytest.raises(Overloaded) as told:
            asking.refusal(tasks[4], "mail.send")
        assert told.value.retry_after_ms > 0
        with pytest.raises(Overloaded):
            asking.planner.grant(DOCS)
        assert asking.planner.tasks()  # what asks nobody goes on
    assert [call.result(30) for call in waiting] == [None] * 4
    assert asking.refusal(tasks[4], "mail.send") is None
    assert asking.records(tasks[4])[0].allowed
    assert len(asking.records(tasks[4])) == 1  # who was told to come again has used nothing up


def test_a_handoff_that_is_told_late_meanwhile_is_neither_permitted_nor_ended(start, database):
    asking = start(**database)
    task = asking.planner.grant(READ, SEND, DOCS, unrecorded_handoffs=True)
    child = task.child("agent/worker")
    guard, tool = GuardRecords(new_key()), asking.as_("tool/all")
    asking.point.answer = 503, {}, b""
    assert tool.record_decisions(guard.batch(decided(child, "docs", "read", {})), [child.token]) == 2
    refused = asking.refusal(child, "docs.read")
    words = "docs.read: the decision point gave an answer that has status 503"
    assert (said_no(refused), refused.link_index) == (words, 1)
    asking.point.answer = None
    assert asking.refusal(child, "docs.read") is None
    asking.point.decide = lambda asked: (asked["action"]["name"], asked["resource"]["id"]) != ("handOff", "mail.send")
    assert asking.refusal(child, "docs.read") is None  # each call is asked about with the handoff of its tool
    assert said_no(asking.refusal(child, "mail.send")) == "mail.send: the decision point forbids it"
    below = asking.planner.hand_off(child, "agent/below", scope=Scope(READ, DOCS))
    assert asking.refusal(below, "docs.read") is None
    asking.point.decide = lambda asked: asked["action"]["name"] != "handOff"
    said_no(asking.refusal(below, "docs.read"))  # what hangs below it is asked about with it


def test_what_is_called_by_such_a_handoff_has_its_task_and_labels_who_is_known(start, database):
    asking = start(**database)
    task = asking.planner.grant(READ, SEND, unrecorded_handoffs=True)
    child = task.child("agent/worker")
    guard, tool = GuardRecords(new_key()), asking.as_("tool/all")
    asking.point.answer = 503, {}, b""
    reads = (decided(child, "crm", "read", {}, break_glass=nonce()) for _ in range(2))
    assert tool.record_decisions(guard.batch(next(reads)), [child.token]) == 2
    assert tool.record_decisions(guard.batch(next(reads))) == 3  # a guard shows each token once
    assert [call.agent for call in asking.records(task)] == [spiffe_id("agent/worker")] * 2
    asking.point.answer = None
    asking.point.decide = no_leak
    with pytest.raises(PolicyDenied):
        asking.planner.grant(SEND)  # it knows what was read below it
    assert asking.as_("agent/other").grant(SEND)


def test_what_a_guard_records_does_not_wait_for_a_slow_decision_point(start, monkeypatch):
    monkeypatch.setattr(late_links, "JUDGING_SECONDS", 0.3)
    asking = start(timeout_ms=10_000)
    task = asking.planner.grant(SEND, DOCS, unrecorded_handoffs=True)
    children = [task.child(f"agent/worker-{number}") for number in range(5)]
    batch = GuardRecords(new_key()).batch(*(decided(child, "docs", "read", {}) for child in children))
    with asking.point.holding() as questions:
        telling = asking.workers.submit(
            asking.as_("tool/all").record_decisions, batch, [child.token for child in children]
        )
        questions.next()
        assert telling.result(30) == 6
        assert len(asking.point.asked) < 8  # those of one scope: all chains together have so long
    assert {call.agent for call in asking.records(task)} == {spiffe_id(f"agent/worker-{n}") for n in range(5)}
    assert asking.refusal(children[0], "docs.read") is None


def test_when_it_is_there_again_so_is_the_service(start, files, capfd):
    asking = start()
    task = asking.planner.grant(SEND)
    assert asking.refusal(task, "mail.send") is None
    asking.point.stop()
    for _ in range(3):
        assert said_no(asking.refusal(task, "mail.send")).startswith("the decision point could not be asked (")
    with running_point(files, port=asking.point.server_port):
        assert asking.refusal(task, "mail.send") is None
    said = capfd.readouterr().out
    assert said.count("the decision point does not decide") == 1
    assert said.count("the decision point decides again") == 1


def test_a_token_is_shown_and_another_one_once_the_file_has_it(start, tmp_path, capfd):
    file = tmp_path / "token"
    file.write_text("first-token\n")
    asking = start(policy={"decision_point_token_file": file})
    task = asking.planner.grant(SEND)
    (tmp_path / "next").write_text("second-token\n")
    (tmp_path / "next").rename(file)
    assert asking.refusal(task, "mail.send") is None
    file.unlink()
    assert said_no(asking.refusal(task, "mail.send")) == "the decision point could not be asked"
    assert f"cannot read {file}" in capfd.readouterr().out  # the log alone says why
    file.write_text("third-token")
    assert asking.refusal(task, "mail.send") is None
    shown = [asked.headers["authorization"] for asked in asking.point.asked]
    assert shown == ["Bearer first-token", "Bearer second-token", "Bearer third-token"]
