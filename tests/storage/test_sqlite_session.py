"""A group that goes wrong, on the event loop or on the thread: what is told of it, and what goes on after it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from delegation.errors import StorageError
from delegation.storage.operations.decisions import DecideInSession
from delegation.storage.operations.delegations import AddHandoffs
from delegation.storage.operations.operation import InsertOperation, Operation
from delegation.storage.sqlite import SqliteStorage
from delegation.storage.sqlite.connection import connect, create_file
from delegation.storage.sqlite.session import SqliteSession
from storage.in_session import a_step, counts, spends
from storage.made import a_call, a_link, a_task, an_outcome, next_id, proof_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "delegation.db"


@pytest.fixture
async def storage(path):
    opened = SqliteStorage(path)
    await opened.open()
    yield opened
    await opened.close()


class Keep(Operation):
    """A write of one number."""

    def __init__(self, number):
        self.number = number

    def apply(self, transaction):
        transaction._connection.execute("INSERT INTO kept VALUES (?)", (self.number,))
        return self.number


async def test_a_row_that_cannot_be_read_is_the_trouble_of_who_reads_it(storage, path):
    call = a_call()
    await storage.decide(call, proof=proof_of(call))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE calls SET leaf_agent = CAST(x'ff' AS TEXT)")
    with pytest.raises(StorageError, match="the database failed: OperationalError"):
        await storage.decide(call._replace(call_id=next_id()), proof=proof_of(call))
    assert (await storage.decide(further := a_call())) == further


async def test_what_ends_the_writer_while_it_is_on_the_loop_ends_it_for_all_and_lets_go_of_the_database(storage, path):
    class Surprise(BaseException):
        """What no judge may raise."""

    def judge(view):
        raise Surprise

    surprises = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: surprises.append(said["exception"]))
    task = a_task()
    asked = [storage.decide_in_session(a_call(task), a_step(task, judge=judge)), storage.decide(a_call())]
    results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)
    assert {result.reason for result in results} == {"storage_unavailable"}
    assert list(map(type, surprises)) == [Surprise]
    with pytest.raises(StorageError):
        await storage.check()
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        other.execute("begin immediate")
    await asyncio.wait_for(storage.close(), 10)


async def test_what_one_brings_upon_its_group_does_not_end_the_writer(storage):
    task = a_task()
    spoilt = storage.decide_in_session(a_call(task), a_step(task, agents=("\ud800",)))
    (refused,) = await asyncio.gather(spoilt, return_exceptions=True)
    assert refused.reason == "storage_unavailable"
    call = a_call(task)
    assert (await storage.decide_in_session(call, a_step(task))).call == call


def test_a_transaction_that_the_database_has_undone_while_it_was_written_is_refused(path):
    class NoMemory(InsertOperation):
        """What SQLite undoes by itself, and the driver tells as no error of the database."""

        def plan(self, transaction):
            connection.execute("ROLLBACK")
            raise MemoryError

        apply = plan

    create_file(path)
    with closing(connect(path, writes=True)) as connection:
        connection.execute("CREATE TABLE kept (number)")
        session = SqliteSession(connection)
        group = [NoMemory(), Keep(1)]
        assert session.enter_at_once(group) is None
        refused = session.commit(session.enter(group))
        assert {type(each) for each in refused} == {StorageError}
        assert session.commit(session.enter([Keep(2)])) == [2]
        assert connection.execute("SELECT number FROM kept").fetchall() == [(2,)]


def test_nothing_is_acknowledged_that_the_database_has_undone(path):
    create_file(path)
    with closing(connect(path, writes=True)) as connection:
        connection.execute("CREATE TABLE kept (number)")
        session = SqliteSession(connection)
        assert session.enter([Keep(1)]) == [1]
        connection.execute("ROLLBACK")
        (refused,) = session.commit([1])
        assert isinstance(refused, StorageError)
        assert session.enter_at_once([Keep(2)]) == [2]
        assert session.commit([2]) == [2]
        assert connection.execute("SELECT number FROM kept").fetchall() == [(2,)]


async def test_what_a_call_has_reserved_and_cannot_be_read_is_its_own_trouble(storage, path):
    task = a_task()
    spoilt, call = a_call(task), a_call(task)
    for each in (spoilt, call):
        await storage.decide_in_session(each, a_step(task, spends(task, 5)))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE calls SET reserved = 'abc' WHERE call_id = ?", (spoilt.call_id,))
    failures = [storage.report_outcome(an_outcome(each, status="failed")) for each in (spoilt, call)]
    refused, given_back = await asyncio.gather(*failures, return_exceptions=True)
    assert (type(refused), given_back) == (StorageError, None)
    assert [use.used for use in await storage.usage(task.task_id)] == ["5"]


def test_what_may_take_long_is_not_for_the_event_loop():
    task = a_task()
    few, many = (tuple(counts(task, 9) for _ in range(number)) for number in (3, 30))
    assert DecideInSession(a_call(task), a_step(task, *few), None, None).brief
    assert not DecideInSession(a_call(task), a_step(task, *many), None, None).brief
    links = [a_link(task, signed=bytes(700)) for _ in range(30)]
    assert AddHandoffs(links[:9], None, None).brief
    assert not AddHandoffs(links, None, None).brief
    assert not Keep(1).brief  # nor is any other write that does not say so
