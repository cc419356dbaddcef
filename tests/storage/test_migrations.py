"""Every schema there ever was is brought to the present one, on every database; a newer one is left alone."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import asdict

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from delegation.errors import ConfigError, StorageError
from delegation.storage import migrations, schema
from delegation.storage.postgres import PostgresServer, PostgresStorage
from delegation.storage.sqlite import SqliteStorage
from storage.in_session import a_step, spends, used
from storage.made import a_call, a_link, a_revocation, a_task, an_outcome, proof_of

EARLIER = migrations.revisions()[:-1]


class Empty:
    """An empty database of one kind."""

    def __init__(self, kind, url, make):
        self.kind, self._url, self.make = kind, url, make

    async def run(self, work):
        """Run a function with a connection to it, in a transaction."""
        if self.kind == "sqlite":
            return await asyncio.to_thread(_in_transaction, sa.create_engine(self._url, poolclass=NullPool), work)
        engine = create_async_engine(self._url.replace("postgresql", "postgresql+asyncpg"), poolclass=NullPool)
        async with engine.begin() as connection:
            return await connection.run_sync(work)

    async def upgraded_to(self, revision):
        await self.run(lambda connection: migrations.upgrade(connection, revision))


def _in_transaction(engine, work):
    with engine.begin() as connection:
        return work(connection)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    if request.param == "sqlite":
        path = tmp_path / "delegation.db"
        engine = f"sqlite:///{path}"
        return Empty("sqlite", engine, lambda: SqliteStorage(path))
    url = request.getfixturevalue("postgres").new_database(empty=True)
    return Empty("postgres", url, lambda: PostgresStorage(PostgresServer(url)))


def differences(connection):
    context = MigrationContext.configure(connection)
    assert context.get_current_revision() == migrations.HEAD
    return compare_metadata(context, schema.METADATA)


async def test_an_empty_database_gets_the_schema_that_the_program_uses(database):
    assert await database.make().upgrade() == (None, migrations.HEAD)
    assert await database.run(differences) == []
    assert await database.make().upgrade() == (migrations.HEAD, migrations.HEAD)


@pytest.mark.parametrize("revision", EARLIER)
async def test_every_earlier_schema_is_brought_to_the_present_one_with_what_is_in_it(database, revision):
    await database.upgraded_to(revision)
    task, call = a_task(), a_call()
    await database.run(lambda connection: connection.execute(sa.insert(schema.tasks), [_row(task)]))
    await database.run(lambda connection: connection.execute(sa.insert(schema.calls), [_row(call)]))
    assert await database.make().upgrade() == (revision, migrations.HEAD)
    assert await database.run(differences) == []
    storage = database.make()
    await storage.open()
    assert await storage.task(task.task_id) == task
    assert await storage.call(call.call_id) == call
    second = a_task()
    await storage.add_grant(second, a_link(second))
    await storage.decide(next_call := a_call(), proof=proof_of(next_call))
    assert await storage.revoke([a_revocation()]) == 1
    await storage.close()


def _row(record):
    values = record._asdict() if isinstance(record, tuple) else asdict(record)
    return {name: value for name, value in values.items() if value is not None}  # an earlier schema has fewer columns


@pytest.mark.parametrize("revision", EARLIER)
async def test_a_shared_database_of_an_earlier_schema_waits_for_the_operator(database, revision):
    await database.upgraded_to(revision)
    storage = database.make()
    if database.kind == "sqlite":  # one process has it for itself
        await storage.open()
        await storage.close()
        return
    with pytest.raises(ConfigError, match=re.escape("run `delegation db upgrade`")):
        await storage.open()
    await storage.upgrade()
    await storage.open()
    await storage.close()


async def test_a_newer_schema_is_refused_in_one_line_and_left_alone(database):
    await database.make().upgrade()
    await database.run(
        lambda connection: connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    )
    for refused in (database.make().open(), database.make().upgrade()):
        with pytest.raises(StorageError) as refusal:
            await refused
        assert refusal.value.reason == "schema_newer"
        assert "9999" in str(refusal.value)
        assert "\n" not in str(refusal.value)
    version = await database.run(
        lambda connection: connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    )
    assert version == "9999"


async def test_several_replicas_may_begin_with_an_empty_database_at_once(database):
    storages = [database.make() for _ in range(4)]
    await asyncio.gather(*(storage.open() for storage in storages))
    call = a_call()
    await storages[0].decide(call)
    assert await storages[3].call(call.call_id) == call
    await asyncio.gather(*(storage.close() for storage in storages))


async def test_what_calls_have_reserved_before_is_given_back_by_the_program_of_today(database):
    await database.upgraded_to("0004")
    task = a_task()
    held, done, back = calls = [a_call(task) for _ in range(3)]
    step = a_step(task, spends(task, 60))
    (demand,) = step.demands
    entries = json.dumps([[demand.key.hex(), demand.amount]], separators=(",", ":"))
    made = {"task_id": task.task_id, "entries": entries, "expires_ms": task.expires_ms}
    rows = [made | {"call_id": call.call_id, "released": call is back} for call in calls]
    known = [an_outcome(done), an_outcome(back, status="failed")]
    await database.run(lambda connection: connection.execute(sa.insert(schema.calls), list(map(_row, calls))))
    await database.run(lambda connection: connection.execute(sa.insert(schema.reservations), rows))
    await database.run(lambda connection: connection.execute(sa.insert(schema.outcomes), list(map(_row, known))))
    await database.make().upgrade()
    storage = database.make()
    await storage.open()
    await storage.decide_in_session(a_call(task), step)
    for outcome in (*known, an_outcome(held, status="failed")):
        await storage.report_outcome(outcome)
    assert await used(storage, task) == {(task.task_id, "amount"): "0"}
    await storage.close()
