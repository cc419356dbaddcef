"""Asking a decision point: how many at a time, and what an answer is an answer to."""

from __future__ import annotations

import asyncio

import pytest

from delegation.errors import Overloaded
from delegation.policy.port import Denial, Permit
from delegation.service import decision_point
from delegation.service.decision_point import (
    MOVED,
    OF_ONE_AGENT,
    OF_ONE_TASK,
    SLOW,
    TIMES,
    Answers,
    DecisionPoint,
    UnansweredError,
    asked_first,
)
from delegation.telemetry import names
from support.policies import question


class Point:
    """Answers when it is let, and counts."""

    digest = bytes(32)
    told = frozenset[str]()

    def __init__(self, verdict=Permit()) -> None:  # noqa: B008 - a value
        self.verdict = verdict
        self.go = asyncio.Event()
        self.go.set()
        self.has_come = asyncio.Event()
        self.asked = []
        self.under_way = self.most = 0

    async def ask(self, asked):
        self.asked.append(asked)
        self.has_come.set()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
            await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        return self.verdict(asked) if callable(self.verdict) else self.verdict


ONE, OTHER = question("mail.send"), question("mail.send", task_calls=1)


def deciding(answers, states):
    """Make a write whose judge finds another state each time; the last one stays."""
    left = list(states)

    async def write():
        state = left.pop(0) if len(left) > 1 else left[0]
        return answers.to([state])[0]

    return write


async def test_an_answer_is_to_one_question_and_to_no_other():
    answers = Answers(DecisionPoint(Point()), holder="a", task="t")
    await answers.ask([ONE])
    assert answers.to([ONE]) == [Permit()]
    for questions in ([OTHER], [ONE, OTHER], [ONE._replace(arguments={"to": "x"})], [ONE._replace(now_s=1)]):
        with pytest.raises(UnansweredError):
            answers.to(questions)


async def test_two_questions_that_are_the_same_have_the_same_answer():
    point = Point()
    answers = Answers(DecisionPoint(point), holder="a", task="t")
    with pytest.raises(UnansweredError) as unanswered:
        answers.to([ONE, ONE])
    await answers.ask(unanswered.value.questions)
    assert answers.to([ONE, ONE]) == [Permit(), Permit()]


async def test_an_answer_to_what_was_does_not_count_even_if_it_is_so_again():
    answers = Answers(DecisionPoint(Point()), holder="a", task="t")
    await answers.ask([ONE])
    await answers.ask([OTHER])
    with pytest.raises(UnansweredError):
        answers.to([ONE])


async def test_it_is_asked_again_about_what_is_found_and_three_times_at_most():
    point = Point()
    states = [question("mail.send", task_calls=number) for number in range(10)]
    assert await asked_first(deciding(Answers(DecisionPoint(point), holder="a", task="t"), states[:3])) == Permit()
    assert point.asked == states[:3]
    point.asked.clear()
    assert await asked_first(deciding(Answers(DecisionPoint(point), holder="a", task="t"), states)) == Denial((), MOVED)
    assert point.asked == states[:TIMES]


async def test_what_asks_nobody_is_written_at_once():
    async def write():
        return "written"

    assert await asked_first(write) == "written"


async def test_who_had_to_wait_asks_about_what_is_found_then():
    point = Point()
    shared = DecisionPoint(point)
    point.go.clear()
    first = asyncio.create_task(asked_first(deciding(Answers(shared, holder="a", task="task"), [ONE])))
    second = asyncio.create_task(asked_first(deciding(Answers(shared, holder="a", task="task"), [ONE, OTHER])))
    await point.has_come.wait()
    point.go.set()
    assert await first == await second == Permit()
    assert point.asked == [ONE, OTHER]


async def test_who_goes_away_gives_back_turn_and_place():
    point = Point()
    shared = DecisionPoint(point, under_way=1, places=1)
    point.go.clear()
    gone = asyncio.create_task(asked_first(deciding(Answers(shared, holder="a", task="task"), [ONE])))
    await point.has_come.wait()
    with pytest.raises(Overloaded):
        await asked_first(deciding(Answers(shared, holder="b", task="other"), [ONE]))
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    point.go.set()
    assert await asked_first(deciding(Answers(shared, holder="a", task="task"), [ONE])) == Permit()
    assert shared.calls._in_use == shared.room._taken == {}


def waiting(shared, **of):
    return asyncio.create_task(asked_first(deciding(Answers(shared, **of), [ONE])))


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_calls_of_one_task_do_not_take_the_room_of_others():
    point = Point()
    shared = DecisionPoint(point)
    point.go.clear()
    calls = [waiting(shared, holder="a", task="one") for _ in range(OF_ONE_TASK)]
    await settled()
    refused = await waiting(shared, holder="a", task="one")
    assert refused == Denial((), "too many calls of this task or agent wait for the decision point")
    other = waiting(shared, holder="a", task="other")
    await settled()
    assert len(point.asked) == 2  # one of each task
    point.go.set()
    assert await asyncio.gather(*calls, other) == [Permit()] * (OF_ONE_TASK + 1)
    assert shared.calls._in_use == shared.room._taken == {}


async def test_calls_of_one_agent_in_many_tasks_wait_for_one_another_and_not_too_many():
    point = Point()
    shared = DecisionPoint(point)
    point.go.clear()
    calls = [waiting(shared, holder="a", task=f"t{number}", agent="x") for number in range(OF_ONE_AGENT)]
    await settled()
    assert isinstance(await waiting(shared, holder="a", task="another", agent="x"), Denial)
    other = waiting(shared, holder="a", task="another", agent="y")
    await settled()
    assert len(point.asked) == 2
    point.go.set()
    await asyncio.gather(*calls, other)


async def test_a_quarter_of_the_room_is_the_most_that_one_holder_has():
    point = Point()
    shared = DecisionPoint(point, places=8)
    point.go.clear()
    calls = [waiting(shared, holder="a", task=f"t{number}") for number in range(2)]
    await settled()
    refused = await waiting(shared, holder="a", task="t3")
    assert refused == Denial((), "too many below this grant wait for the decision point")
    with pytest.raises(Overloaded):
        await shared.refusals([ONE._replace(agents=("a",))])
    calls += [waiting(shared, holder=name, task=f"{name}{number}") for name in "bcd" for number in range(2)]
    await settled()
    with pytest.raises(Overloaded):
        await waiting(shared, holder="e", task="e")
    with pytest.raises(Overloaded):
        await shared.refusals([ONE])
    point.go.set()
    await asyncio.gather(*calls)
    assert await shared.refusals([ONE]) == []


async def test_who_takes_too_long_is_denied_whether_it_waits_or_asks(monkeypatch):
    monkeypatch.setattr(decision_point, "DECIDING_SECONDS", 0.1)
    point = Point()
    shared = DecisionPoint(point)
    point.go.clear()
    asks, waits = (waiting(shared, holder="a", task="one") for _ in range(2))
    assert await asyncio.gather(asks, waits) == [Denial((), SLOW)] * 2
    assert len(point.asked) == 1
    assert shared.calls._in_use == shared.room._taken == {}
    point.go.set()
    assert await waiting(shared, holder="a", task="one") == Permit()


async def test_scopes_leave_turns_to_calls():
    point = Point()
    shared = DecisionPoint(point, under_way=8, places=64)
    point.go.clear()
    scopes = [asyncio.create_task(shared.refusals([ONE] * 8)) for _ in range(4)]
    await settled()
    assert len(point.asked) == 2
    call = waiting(shared, holder="a", task="one")
    await settled()
    assert len(point.asked) == 3
    point.go.set()
    assert await call == Permit()
    assert await asyncio.gather(*scopes) == [[]] * 4


async def test_so_many_questions_are_under_way_and_no_more():
    point = Point()
    shared = DecisionPoint(point, under_way=3)
    await asyncio.gather(*(shared.ask(ONE) for _ in range(20)))
    assert point.most == 3


async def test_of_a_scope_no_more_is_asked_once_something_is_refused():
    point = Point(lambda asked: Denial((), "no") if asked.tool.tool == "send" else Permit())
    scope = [question("mail.send"), *(question("docs.read") for _ in range(100))]
    refused = await DecisionPoint(point).refusals(scope)
    assert refused == [(scope[0], Denial((), "no"))]
    assert len(point.asked) < 20
    assert await DecisionPoint(point).refusals(scope[1:]) == []
    assert await DecisionPoint(point).refusals([]) == []


async def test_a_question_that_nobody_waits_for_any_more_is_timed_as_given_up(monkeypatch):
    measured = []
    monkeypatch.setattr(
        decision_point.telemetry, "measure", lambda name, _, attributes: measured.append((name, attributes))
    )
    point = Point()
    point.go.clear()
    asking = asyncio.create_task(DecisionPoint(point).ask(ONE))
    await point.has_come.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert measured == [(names.DECISION_POINT_DURATION, {names.ERROR_TYPE: "given_up"})]
