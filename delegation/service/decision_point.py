"""A remote decision point as the service asks it: a bounded number of questions at a time, and never in a transaction.

What is decided on is what it was asked, to the last field. Inside the transaction of a decision the question is made
anew; if it is another one by then, nothing is written, and that one is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeVar

import structlog

from delegation import telemetry
from delegation.policy.port import Denial, Permit, PolicyQuestion, RemotePolicy, Verdict
from delegation.service.one_at_a_time import Key, OneAtATime
from delegation.service.waiting_room import TooManyOfOneError, WaitingRoom
from delegation.storage.refused_writes import AskFirstError
from delegation.telemetry import names

TIMES: Final = 3
"""So often is one call asked about, at most."""

UNDER_WAY: Final = 64
"""Questions that the decision point has at one time."""

PLACES: Final = 512
"""For calls and scopes that are asked about, or wait for their turn. So a dead decision point holds up a part of what
the service can do at one time, and no more. A quarter is the most that one holder of grants has."""

OF_ONE_TASK: Final = 16
OF_ONE_AGENT: Final = 64
"""Calls that are asked about one after another: more do not wait."""

OF_ONE_SCOPE: Final = 8
"""Questions about one scope that are under way at one time."""

FOR_SCOPES: Final = 4
"""A part of the questions under way, one in so many, is about scopes: of them there are many at once."""

DECIDING_SECONDS: Final = 3.0
"""So long is one call asked about, at most, waiting for its turn included. A guard waits for a decision for five: after
that it would take a slow decision point for a service that is away, and go by an operator's order."""

MOVED: Final = f"what is known of the task changed {TIMES} times while the decision point was asked"

SLOW: Final = "the decision point has not decided in time"

_GIVEN_UP, _NO_DECISION = "given_up", "no_decision"
"""Why there is no answer, in metrics: whoever asked waits no longer; or there was none that counts."""

_LOG: Final = structlog.get_logger("delegation")

T = TypeVar("T")


class DecisionPoint:
    """Has a decision point decide.

    Args:
        policy: how it is asked.
        under_way: how many questions it has at one time.
        places: how many may ask or wait for their turn; whoever comes then is told to come again.
    """

    def __init__(self, policy: RemotePolicy, *, under_way: int = UNDER_WAY, places: int = PLACES) -> None:
        self.policy = policy
        self.room = WaitingRoom(places, max(1, places // 4))
        self.calls = OneAtATime()
        self._turns = asyncio.Semaphore(under_way)
        self._turns_of_scopes = asyncio.Semaphore(max(1, under_way // FOR_SCOPES))
        self._failing = False

    async def ask(self, question: PolicyQuestion) -> Verdict:
        """Have it decide; a failure is a `Denial`. Whoever asks has a place."""
        async with self._turns:
            began, without = time.monotonic(), _GIVEN_UP
            try:
                verdict = await self.policy.ask(question)
                without = _NO_DECISION if isinstance(verdict, Denial) and verdict.failed else ""
            finally:
                attributes = {names.ERROR_TYPE: without} if without else {}
                telemetry.measure(names.DECISION_POINT_DURATION, time.monotonic() - began, attributes)
        self._tell(verdict)
        return verdict

    async def refusals(self, questions: Sequence[PolicyQuestion]) -> list[tuple[PolicyQuestion, Verdict]]:
        """Ask about a scope, some questions at a time, until one is refused; give what is no permission, and to what.

        Raises:
            Overloaded: too many wait.
        """
        if not questions:
            return []
        left = iter(questions)
        found: list[tuple[PolicyQuestion, Verdict]] = []

        async def ask_some() -> None:
            for question in left:
                async with self._turns_of_scopes:
                    verdict = await self.ask(question)
                if not isinstance(verdict, Permit):
                    found.append((question, verdict))
                if found:
                    return

        with self.room.place(questions[0].agents[0]):
            async with asyncio.TaskGroup() as group:
                for _ in range(min(OF_ONE_SCOPE, len(questions))):
                    group.create_task(ask_some())
        return found

    def _tell(self, verdict: Verdict) -> None:
        """Say once that it does not decide, and once that it does again."""
        failed = verdict.failed if isinstance(verdict, Denial) else ""
        if failed and not self._failing:
            _LOG.warning("the decision point does not decide: what it is asked about is denied", why=failed)
        if self._failing and not failed:
            _LOG.info("the decision point decides again")
        self._failing = bool(failed)


class Answers:
    """What a decision point has said about one call: each answer to one question.

    Args:
        point: the decision point.
        holder: who holds the grant.
        task: the task, and `agent`, the agent whose history is told if one is: each call changes what is said of them.
            Calls of the same wait for one another, since of several that ask at once only the first would find what it
            has asked about.
    """

    def __init__(self, point: DecisionPoint, *, holder: str, task: str, agent: str = "") -> None:
        self._point = point
        self._holder = holder
        self._keys = [Key(task, OF_ONE_TASK), *([Key(agent, OF_ONE_AGENT)] if agent else [])]
        self._given: list[tuple[PolicyQuestion, Verdict]] = []
        self._asked = 0
        self._given_up = ""

    def to(self, questions: Sequence[PolicyQuestion]) -> list[Verdict]:
        """Give the answers to exactly these questions.

        Raises:
            UnansweredError: they were not asked. Once others were asked `TIMES` times, or the asking was given up, the
                answer is no.
        """
        given = [next((verdict for asked, verdict in self._given if asked == question), None) for question in questions]
        answered = [verdict for verdict in given if verdict is not None]
        if len(answered) == len(questions):
            return answered
        if self._asked < TIMES and not self._given_up:
            raise UnansweredError(self, questions)
        return [Denial((), self._given_up or MOVED)]

    def give_up(self, why: str) -> None:
        """Ask no more: what is not answered by now is denied."""
        self._given_up = why

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Wait for the call's turn; tell whether that took a while.

        Raises:
            TooManyOfOneError: too many of this task, agent or holder wait.
            Overloaded: too many wait.
        """
        with self._point.room.place(self._holder):
            async with self._point.calls.turn(self._keys) as waited:
                yield waited

    async def ask(self, questions: Sequence[PolicyQuestion]) -> None:
        """Ask these; former answers count no more."""
        self._asked += 1
        self._given = []
        self._given = [(question, await self._point.ask(question)) for question in questions]


class UnansweredError(AskFirstError):
    """A decision has to wait for answers to questions that were not asked yet."""

    def __init__(self, answers: Answers, questions: Sequence[PolicyQuestion]) -> None:
        super().__init__("the decision point has to be asked first")
        self.answers = answers
        self.questions = questions


async def asked_first(write: Callable[[], Awaitable[T]]) -> T:
    """Make a write whose judge may need a decision point's word: ask for that, and make it again.

    What one task, agent or holder has too much under way of, and what takes too long, is denied, and not an error: a
    guard would take that for a service that is away.

    Raises:
        Overloaded: too many wait for the decision point; nothing is written.
    """
    try:
        return await write()
    except UnansweredError as unanswered:
        answers, questions = unanswered.answers, unanswered.questions
    until = asyncio.get_running_loop().time() + DECIDING_SECONDS
    async with contextlib.AsyncExitStack() as held:
        waited = False
        try:
            async with asyncio.timeout_at(until):
                waited = await held.enter_async_context(answers.turn())
        except TimeoutError:
            answers.give_up(SLOW)
        except TooManyOfOneError as too_many:
            answers.give_up(str(too_many))
        else:
            if not waited:  # else much may have changed
                await _ask(answers, questions, until)
        while True:
            try:
                return await write()
            except UnansweredError as again:
                questions = again.questions
            await _ask(answers, questions, until)


async def _ask(answers: Answers, questions: Sequence[PolicyQuestion], until: float) -> None:
    try:
        async with asyncio.timeout_at(until):
            await answers.ask(questions)
    except TimeoutError:
        answers.give_up(SLOW)
