"""What only the SQLite adapter promises: its file, its schema, its indexes."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from delegation.errors import StorageError
from delegation.storage import migrations, queries, schema
from delegation.storage.listing import CallFilter, TaskFilter
from delegation.storage.sqlite import SqliteStorage
from delegation.storage.statements import Statement
from storage.made import FILES, NOW_MS, PLANNER, READER, a_call, proof_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "delegation.db"


@pytest.fixture
async def storage(path):
    opened = SqliteStorage(path)
    await opened.open()
    yield opened
    await opened.close()


async def test_the_file_and_its_journals_are_the_owners_alone(storage, path):
    await storage.decide(a_call())
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {"delegation.db", "delegation.db-wal"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.spec("A-6", "T-4")
async def test_every_commit_is_synced(path):
    from delegation.storage.sqlite.connection import connect

    with closing(connect(path, writes=True)) as connection:
        assert connection.execute("pragma synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


async def test_migrations_make_the_schema_that_the_program_uses(storage, path):
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.METADATA) == []
        assert context.get_current_revision() == migrations.HEAD
    engine.dispose()


async def test_a_database_is_opened_again_as_it_is(storage, path):
    call = a_call()
    await storage.decide(call)
    await storage.close()
    again = SqliteStorage(path)
    await again.open()
    assert await again.call(call.call_id) == call
    await again.close()


async def test_a_newer_schema_is_refused_in_one_line_and_left_alone(storage, path):
    await storage.close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("update alembic_version set version_num = '9999'")
    newer = SqliteStorage(path)
    with pytest.raises(StorageError) as refused:
        await newer.open()
    assert refused.value.reason == "schema_newer"
    assert "9999" in str(refused.value)
    assert "run the newer program" in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(StorageError):
        await newer.decide(a_call())
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select version_num from alembic_version").fetchone() == ("9999",)


async def test_several_processes_may_open_a_new_database_at_once(path):
    storages = [SqliteStorage(path) for _ in range(4)]
    await asyncio.gather(*(storage.open() for storage in storages))
    call = a_call()
    await storages[0].decide(call)
    assert await storages[3].call(call.call_id) == call
    await asyncio.gather(*(storage.close() for storage in storages))


@pytest.mark.parametrize("content", [b"this is not a database", None], ids=["another file", "a directory"])
async def test_what_is_no_database_is_refused_in_one_line(path, content):
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content * 200)
    with pytest.raises(StorageError) as refused:
        await SqliteStorage(path).open()
    assert refused.value.reason == "storage_unavailable"
    assert str(refused.value).startswith(f"cannot open {path}: ")
    assert "\n" not in str(refused.value)


async def test_a_closed_storage_refuses_everything(storage):
    await storage.close()
    for refused in (storage.check(), storage.decide(a_call()), storage.head_position()):
        with pytest.raises(StorageError):
            await refused


async def test_a_locked_database_fails_the_write_and_not_the_next(storage, path, monkeypatch):
    monkeypatch.setattr("delegation.storage.sqlite.session.BUSY_SECONDS", 0)
    impatient = SqliteStorage(path)
    await impatient.open()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        results = await asyncio.gather(*(impatient.decide(a_call()) for _ in range(3)), return_exceptions=True)
        other.execute("rollback")
    assert {result.reason for result in results} == {"storage_unavailable"}
    call = a_call()
    assert await impatient.decide(call, proof=proof_of(call)) == call
    await impatient.close()


async def test_who_waits_for_a_locked_database_keeps_nobody_else_waiting(storage, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        call = a_call()
        deciding = asyncio.ensure_future(storage.decide(call))
        assert await storage.call(call.call_id) is None  # the loop goes on, else the lock would never be let go
        other.execute("rollback")
    assert await deciding == call


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (queries.calls_page(CallFilter(), cursor=b"c", at_most=9), "sqlite_autoindex_calls_1"),
        (queries.calls_page(CallFilter(task_id=b"t"), cursor=b"c", at_most=9), "ix_calls__task_id_call_id"),
        (queries.calls_page(CallFilter(tool="x"), cursor=b"c", at_most=9), "ix_calls__tool_call_id"),
        (queries.calls_page(CallFilter(audiences=(FILES,)), cursor=None, at_most=9), "ix_calls__audience_call_id"),
        (queries.calls_page(CallFilter(agent=READER), cursor=None, at_most=9), "ix_calls__leaf_agent_call_id"),
        (queries.calls_page(CallFilter(allowed=False), cursor=None, at_most=9), "ix_calls__denied"),
        (queries.tasks_page(TaskFilter(), cursor=b"c", at_most=9), "sqlite_autoindex_tasks_1"),
        (
            queries.tasks_page(TaskFilter(holder_agent=PLANNER), cursor=None, at_most=9),
            "ix_tasks__holder_agent_task_id",
        ),
        (
            queries.tasks_page(TaskFilter(member=READER, active_at_ms=NOW_MS), cursor=b"c", at_most=9),
            "ix_links__holder_agent_task_id",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "statement",
)
async def test_every_list_is_read_in_order_from_an_index(storage, path, statement, index):
    ready = Statement(statement).sqlite
    values = dict.fromkeys(ready.names, b"x")
    with closing(sqlite3.connect(path)) as database:
        plan = database.execute("explain query plan " + ready.text, ready.bind(values | ready.literals))
        steps = [row[3] for row in plan]
    assert any(index in step for step in steps), steps
    assert not any("TEMP B-TREE FOR ORDER BY" in step for step in steps), steps
