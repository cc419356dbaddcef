"""What a decision point was asked is what is decided on: if the task has moved on meanwhile, it is asked again."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from delegation.app.key_files import system_ms
from delegation.core.codec import decode_offer
from delegation.core.scope import any_call, tool
from delegation.errors import Reason
from delegation.service.decision_point import MOVED
from integration.decision_point.conftest import READ, SEND, no_leak, said_no
from integration.policy.conftest import TOOLS
from support.caller import Caller, GuardRecords, decided, new_key, nonce
from support.decision_point import told
from support.live_agent import live, request_offer
from support.server import running_server

ONLY_TO_ANN = tool("mail", "send", to="ann")


def refuse_one(asking, task):
    """Have a call refused by its chain: nobody is asked about that, and the task has one denial more."""
    assert asking.refusal(task, "mail.send", to="mallory").reason is Reason.ARGUMENT_REFUSED


@pytest.mark.spec("A-39")
def test_what_has_changed_while_it_was_asked_is_asked_about_anew(start, database):
    asking = start(**database)
    task = asking.planner.grant(READ, ONLY_TO_ANN)
    with asking.point.holding() as questions:
        call = asking.later(task, "mail.send", to="ann")
        first = questions.next()
        refuse_one(asking, task)
        first.let_go()
        second = questions.next()
        second.let_go()
        assert call.result(30) is None
    assert (first.asked.told["taskDenials"], second.asked.told["taskDenials"]) == (0, 1)
    assert asking.point.tools() == ["mail.send"] * 2


def test_the_answer_that_counts_is_the_one_about_what_is(start):
    asking = start()
    task = asking.planner.grant(ONLY_TO_ANN)
    asking.point.decide = lambda asked: told(asked)["taskDenials"] == 0
    with asking.point.holding() as questions:
        call = asking.later(task, "mail.send", to="ann")
        first = questions.next()
        refuse_one(asking, task)
        first.let_go()  # a permission, and of what was
        questions.next().let_go()
        said_no(call.result(30))


@pytest.mark.spec("A-39")
def test_a_task_that_changes_three_times_is_a_denial(start, database):
    asking = start(**database)
    task = asking.planner.grant(ONLY_TO_ANN)
    with asking.point.holding() as questions:
        call = asking.later(task, "mail.send", to="ann")
        for _ in range(3):
            held = questions.next()
            refuse_one(asking, task)
            held.let_go()
        assert said_no(call.result(30)) == MOVED
    assert asking.point.tools() == ["mail.send"] * 3
    assert asking.refusal(task, "mail.send", to="ann") is None  # in peace


def test_what_a_guard_records_meanwhile_counts(start, database):
    """During an outage it let somebody of the task read: what it tells changes what the question is about."""
    asking = start(**database)
    task = asking.planner.grant(READ, SEND)
    asking.point.decide = no_leak
    with asking.point.holding() as questions:
        call = asking.later(task, "mail.send")
        held = questions.next()
        batch = GuardRecords(new_key()).batch(decided(task, "crm", "read", {}, break_glass=nonce()))
        assert asking.as_("tool/all").record_decisions(batch, [task.token]) == 2
        held.let_go()
        questions.next().let_go()
        assert said_no(call.result(30)) == "the decision point forbids it"


def test_what_sticks_to_an_agent_meanwhile_counts_though_the_task_is_another(start, database):
    asking = start(**database)
    planner, worker = asking.planner, "agent/worker"
    sending, reading = planner.grant(SEND), planner.grant(READ)
    asking.point.decide = no_leak
    with live(asking.as_(worker), worker) as instance:
        offered = decode_offer(request_offer(planner, worker).payload).holder_key
        child = reading.child(worker, key=_Public(offered))
        (recorded,) = planner.record(child)
        assert recorded.binding is not None
        below = type(child)(child.token, instance.keys[offered], child.task_id)
    with asking.point.holding() as questions:
        call = asking.later(sending, "mail.send")
        held = questions.next()
        read = asking.later(below, "crm.read")  # its result goes up to the planner
        questions.next().let_go()
        assert read.result(30) is None
        held.let_go()
        questions.next().let_go()
        said_no(call.result(30))
    assert asking.refusal(asking.as_("agent/other").grant(SEND), "mail.send") is None


class _Public:
    def __init__(self, public: bytes) -> None:
        self.public = public


def test_calls_of_one_task_wait_for_one_another_so_that_all_get_their_answer(start, database):
    """Each of them changes what the others have asked about."""
    asking = start(**database)
    task = asking.planner.grant(SEND)
    calls = [asking.later(task, "mail.send") for _ in range(12)]
    assert [call.result(30) for call in calls] == [None] * 12
    assert len(asking.records(task)) == 12
    counts = [asked.told["taskCalls"] for asked in asking.point.asked[1:]]
    assert set(counts) == set(range(12))
    assert len(counts) <= 24  # who comes as another's turn ends may ask about what was, once


def test_calls_of_different_tasks_do_not_wait_for_one_another(start):
    asking = start()
    tasks = [asking.as_(f"agent/planner-{number}").grant(SEND) for number in range(4)]
    with asking.point.holding() as questions:
        calls = [asking.later(task, "mail.send") for task in tasks]
        for _ in tasks:
            questions.next()  # all of them have come, and none was answered
    assert [call.result(30) for call in calls] == [None] * 4


def test_of_a_read_and_a_leak_by_siblings_at_the_same_time_one_waits_for_the_other(start, database):
    asking = start(**database)
    task = asking.planner.grant(READ, SEND)
    reader, sender = (asking.planner.hand_off(task, f"agent/{name}") for name in ("reader", "sender"))
    asking.point.decide = no_leak
    with asking.point.holding() as questions:
        read = asking.later(reader, "crm.read")
        questions_read = questions.next()
        send = asking.later(sender, "mail.send")
        questions_read.let_go()
        questions.next().let_go()
        assert read.result(30) is None
        said_no(send.result(30))


@pytest.fixture
def replicas(tmp_path, files, point, postgres):
    (tmp_path / "tools.toml").write_text(TOOLS)
    url = postgres.new_database(empty=True)
    policy = {"decision_point": point.url, "decision_point_ca": files.ca, "decision_point_timeout_ms": 10_000}
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                running_server(
                    tmp_path / "state",
                    catalogue=tmp_path / "tools.toml",
                    database={"url": url},
                    feed={"heartbeat_ms": 200},
                    policy=policy,
                )
            )
            for _ in range(2)
        ]


def test_a_read_and_a_leak_by_siblings_at_two_replicas_do_not_both_slip_through(start, replicas):
    asking = start()  # only its threads
    first, second = replicas
    with (
        Caller.of(first, "agent/planner") as planner,
        Caller.of(first, "tool/all") as here,
        Caller.of(second, "tool/all") as there,
    ):
        task = planner.grant(READ, SEND)
        reader, sender = (planner.hand_off(task, f"agent/{name}") for name in ("reader", "sender"))
        asking.point.decide = no_leak
        with asking.point.holding() as questions:
            send = asking.workers.submit(here.decide, sender, "mail", "send", {})
            sending = questions.next()
            read = asking.workers.submit(there.decide, reader, "crm", "read", {})
            questions.next().let_go()
            assert read.result(30).refusal is None
            sending.let_go()  # a permission: when it was asked, nobody had read anything
            questions.next().let_go()
            said_no(send.result(30).refusal)


def test_a_chain_that_expires_while_it_is_asked_permits_nothing(start):
    clock = _Clock()
    asking = start(now_ms=clock)
    task = asking.planner.grant(SEND, any_call("docs", "read"))
    with asking.point.holding() as questions:
        call = asking.later(task, "mail.send")
        held = questions.next()
        clock.ahead_ms = 24 * 60 * 60 * 1000
        held.let_go()
        assert call.result(30).reason is Reason.EXPIRED


class _Clock:
    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return system_ms() + self.ahead_ms
