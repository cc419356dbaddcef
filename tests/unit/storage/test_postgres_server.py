"""How PostgreSQL is reached: encrypted and checked when it is elsewhere; its password by whatever keeps it."""

from __future__ import annotations

import pytest

from delegation.errors import StorageError
from delegation.storage.postgres import PostgresServer, PostgresStorage
from delegation.storage.postgres.connection import unavailable


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in ("PGSSLMODE", "PGHOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("postgresql://db.example/work", True),
        ("postgresql://me:secret@10.0.0.1:5432,127.0.0.1:5432/work?host=10.0.0.1", True),
        ("postgresql:///work?host=db.example", True),
        ("postgresql://127.0.0.1/work", False),
        ("postgresql://localhost:5433/work", False),
        ("postgresql://[::1]/work", False),
        ("postgresql:///work", False),
        ("postgresql:///work?host=/run/postgresql", False),
        ("postgresql://db.example/work?sslmode=disable", False),
    ],
)
def test_a_server_elsewhere_has_to_show_its_certificate_unless_the_operator_says_otherwise(url, checked):
    assert PostgresServer(url).arguments().get("ssl") == ("verify-full" if checked else None)


def test_the_variable_that_says_how_to_encrypt_is_respected(monkeypatch):
    monkeypatch.setenv("PGSSLMODE", "require")
    assert "ssl" not in PostgresServer("postgresql://db.example/work").arguments()


def test_a_server_that_is_not_there_is_named_without_its_password():
    with pytest.raises(StorageError) as refused:
        _run(PostgresStorage(PostgresServer("postgresql://me:open-sesame@127.0.0.1:1/work")).open())
    assert refused.value.reason == "storage_unavailable"
    assert "127.0.0.1:1/work" in str(refused.value)
    assert "open-sesame" not in f"{refused.value} {PostgresServer('postgresql://me:open-sesame@db/work')!r}"


def test_what_the_database_says_of_values_is_not_repeated():
    import asyncpg

    error = asyncpg.UniqueViolationError("duplicate key value violates unique constraint, Key (x)=(open-sesame)")
    assert "open-sesame" not in str(unavailable(error))


def _run(work):
    import asyncio

    return asyncio.run(work)
