"""What one transaction knows of the states of tasks the next one goes on with, as long as it is true."""

from __future__ import annotations

import asyncio
import gc
import random
import sqlite3
import weakref
from contextlib import closing

import pytest

from delegation.core.session import Happened, TaskSession
from delegation.errors import Reason, StorageError
from delegation.storage.operations.calls import ReportOutcome
from delegation.storage.operations.decisions import Decide, DecideInSession
from delegation.storage.operations.registry import PurgeExpired
from delegation.storage.operations.sessions import _CHARACTERS, _KNOWN
from delegation.storage.sessions import Verdict
from delegation.storage.sqlite import SqliteStorage
from delegation.storage.sqlite.connection import connect
from delegation.storage.sqlite.session import SqliteSession
from storage.in_session import READ, a_step, spends, used
from storage.made import NOW_MS, a_call, a_task, an_outcome, proof_of


@pytest.fixture
async def new_path(tmp_path):
    async def made(name):
        storage = SqliteStorage(tmp_path / name)
        await storage.open()
        await storage.close()
        return tmp_path / name

    return made


def decides(task, *demands, **fields):
    call = a_call(task)
    return DecideInSession(call, a_step(task, *demands, **fields), proof_of(call), None)


def written(session, *operations):
    """Write a group, and give the results."""
    return session.commit(session.enter(list(operations)))


async def test_a_task_is_read_once_while_nobody_else_writes(new_path):
    with closing(connect(await new_path("a.db"), writes=True)) as connection:
        session, task, ran = SqliteSession(connection), a_task(), []
        connection.set_trace_callback(ran.append)
        for number in range(1, 4):
            ran.clear()
            (decided,) = written(session, decides(task, spends(task, 10)))
            assert decided.call.allowed
            read = [text for text in ran if "SELECT" in text and ("sessions" in text or "FROM usage" in text)]
            assert bool(read) is (number == 1)
        (left,) = connection.execute("SELECT used FROM usage").fetchall()
        assert left == ("30",)


async def test_what_another_connection_has_written_counts(new_path):
    path = await new_path("a.db")
    with closing(connect(path, writes=True)) as connection, closing(sqlite3.connect(path)) as other:
        session, task = SqliteSession(connection), a_task()
        written(session, decides(task, spends(task, 10)))
        with other:
            other.execute("UPDATE usage SET used = '95'")
        (decided,) = written(session, decides(task, spends(task, 10)))
        assert decided.refusal.reason is Reason.BUDGET_EXCEEDED
        (decided,) = written(session, decides(task, spends(task, 5)))
        assert decided.call.allowed
        with other:
            other.execute("UPDATE sessions SET state = '{}'")
        (refused,) = written(session, decides(task, spends(task, 0)))
        assert isinstance(refused, StorageError)


async def test_the_head_of_the_feed_is_known_no_longer_than_it_stands(new_path):
    path = await new_path("a.db")
    with closing(connect(path, writes=True)) as connection, closing(sqlite3.connect(path)) as other:
        session, task = SqliteSession(connection), a_task()
        written(session, decides(task))
        known = session._known.transaction
        assert known.head() == 0
        with other:
            other.execute("UPDATE feed_head SET position = 7")
        written(session, decides(task))
        assert session._known.transaction is not known
        assert session._known.transaction.head() == 7


@pytest.mark.parametrize("how", ["the database has undone it", "it cannot be written together", "it is refused"])
async def test_what_was_undone_is_not_known(new_path, how):
    with closing(connect(await new_path("a.db"), writes=True)) as connection:
        session, task = SqliteSession(connection), a_task()
        first = decides(task, spends(task, 60))
        written(session, first)
        if how == "the database has undone it":
            results = session.enter_at_once([decides(task, spends(task, 30))])
            connection.execute("ROLLBACK")
            assert isinstance(session.commit(results)[0], StorageError)
        elif how == "it cannot be written together":
            taken = DecideInSession(first.call, a_step(task, spends(task, 30)), None, None)
            assert session.enter_at_once([taken]) is None
        else:
            (refused,) = written(session, decides(task, spends(task, 41)))
            assert refused.refusal.reason is Reason.BUDGET_EXCEEDED
        (decided,) = written(session, decides(task, spends(task, 40)))
        assert decided.call.allowed
        assert connection.execute("SELECT used FROM usage").fetchall() == [("100",)]


@pytest.mark.parametrize("kind", ["an outcome", "a purge"])
async def test_after_writes_of_another_kind_everything_is_read_anew(new_path, kind):
    with closing(connect(await new_path("a.db"), writes=True)) as connection:
        session, task = SqliteSession(connection), a_task()
        decision = decides(task)
        written(session, decision)
        assert session._known is not None
        outcome = ReportOutcome(an_outcome(decision.call))
        written(session, decides(task), outcome if kind == "an outcome" else PurgeExpired(NOW_MS, 100))
        assert session._known is None
        written(session, decides(task))
        assert session._known is not None


async def test_what_is_known_has_an_end(new_path):
    with closing(connect(await new_path("a.db"), writes=True)) as connection:
        session = SqliteSession(connection)
        for _ in range(_KNOWN // 64 + 9):
            tasks = [a_task() for _ in range(64)]
            written(session, *(decides(task) for task in tasks))
            sessions = session._known.transaction.sessions
            assert len(sessions.states) + len(sessions.usage) + len(sessions.labels) <= _KNOWN + 3 * 64
        assert len(sessions._read) <= 64


async def test_large_states_have_it_sooner(new_path):
    with closing(connect(await new_path("a.db"), writes=True)) as connection:
        session, most = SqliteSession(connection), 0
        tools = {f"files.{number}-{'x' * 400}": Happened(1, 1, 1) for number in range(400)}
        full = TaskSession(tools=tools, calls=1)
        each = len(full.text())
        for _ in range(2 * _CHARACTERS // each // 4):
            tasks = [a_task() for _ in range(4)]
            written(session, *(decides(task, judge=lambda view: Verdict(None, full)) for task in tasks))
            most = max(most, len(session._known.transaction.sessions.states))
        assert 8 < most <= _CHARACTERS // each + 4


class Watched(TaskSession):
    """One that can be seen to be gone."""


@pytest.mark.parametrize("how", ["an outcome", "another connection", "rolled back", "not committed"])
async def test_what_is_let_go_of_does_not_wait_for_a_collection(new_path, how):
    path = await new_path("a.db")
    with closing(connect(path, writes=True)) as connection, closing(sqlite3.connect(path)) as other:
        session, task = SqliteSession(connection), a_task()
        decision = decides(task, judge=lambda view: Verdict(None, Watched(version=view.session.version + 1)))
        gc.disable()
        try:
            written(session, decision)
            known = weakref.ref(session._known.transaction.sessions.states[task.task_id].session)
            assert known() is not None
            if how == "an outcome":
                written(session, ReportOutcome(an_outcome(decision.call)))
            elif how == "another connection":
                with other:
                    other.execute("UPDATE horizons SET until_ms = until_ms + 1")
                written(session, decides(a_task()))
            elif how == "rolled back":
                assert session.enter_at_once([DecideInSession(decision.call, a_step(task), None, None)]) is None
            else:
                results = session.enter([decides(a_task())])
                connection.execute("ROLLBACK")
                session.commit(results)
            assert known() is None
        finally:
            gc.enable()


TABLES = "sessions", "usage", "agent_labels", "calls", "outcomes", "proofs", "feed_head", "horizons"


def everything(connection):
    return {table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in TABLES}


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_written_is_what_would_be_written_by_one_that_reads_everything_anew(new_path, seed):
    chance = random.Random(seed)
    tasks = [a_task() for _ in range(3)]
    with (
        closing(connect(await new_path("on.db"), writes=True)) as on,
        closing(connect(await new_path("anew.db"), writes=True)) as anew,
    ):
        knowing, forgetful = SqliteSession(on), SqliteSession(anew)
        decided, went_on = [], 0
        for number in range(60):
            group = [some(chance, tasks, decided, number) for _ in range(chance.randint(1, 5))]
            went_on += knowing._known is not None
            forgetful._known = None
            results = [written(session, *group) for session in (knowing, forgetful)]
            assert list(map(repr, results[0])) == list(map(repr, results[1]))
            decided += [operation.call for operation in group if isinstance(operation, DecideInSession)]
        assert everything(on) == everything(anew)
        assert went_on > 20


def some(chance, tasks, decided, number):
    """Give an operation, of all kinds that change what is known, and that do not."""
    kind, task = chance.random(), chance.choice(tasks)
    now_ms = NOW_MS + number
    if kind < 0.75 or not decided:
        demands = [spends(task, chance.choice(["0.01", 7, 19.99]), account=bytes([n]) * 32) for n in range(2)]
        tool = {"tool": READ} if chance.random() < 0.2 else {}
        call = a_call(task, decided_ms=now_ms)
        return DecideInSession(call, a_step(task, *demands, now_ms=now_ms, **tool), proof_of(call), None)
    if kind < 0.85:
        call = a_call(task)
        return Decide(call, proof_of(call), None)
    if kind < 0.97:
        return ReportOutcome(an_outcome(chance.choice(decided), status=chance.choice(["ok", "failed"])))
    return PurgeExpired(now_ms=chance.choice([now_ms, task.expires_ms + 10**9]), limit=100)


async def test_a_call_that_failed_gives_back_what_later_calls_then_have(tmp_path):
    storage = SqliteStorage(tmp_path / "delegation.db")
    await storage.open()
    try:
        task = a_task()
        calls = [a_call(task) for _ in range(4)]
        for call in calls:
            await storage.decide_in_session(call, a_step(task, spends(task, 25)))
        await asyncio.gather(*(storage.report_outcome(an_outcome(call, status="failed")) for call in calls[:2]))
        decided = [await storage.decide_in_session(a_call(task), a_step(task, spends(task, 25))) for _ in range(3)]
        assert [each.call.allowed for each in decided] == [True, True, False]
        assert await used(storage, task) == {(task.task_id, "amount"): "100"}
    finally:
        await storage.close()
