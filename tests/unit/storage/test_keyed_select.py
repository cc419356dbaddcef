"""Rows of several keys, as SQLite gives them: all of them in one text."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa

from delegation.storage.sqlite.session import SqliteTransaction
from delegation.storage.statements import of_keys

TABLE = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("owner", sa.LargeBinary, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("said", sa.Text),
    sa.Column("number", sa.BigInteger),
    sa.Column("known", sa.Boolean),
)
SELECT = of_keys(
    sa.select(TABLE.c.key, TABLE.c.owner, TABLE.c.said, TABLE.c.number, TABLE.c.known), TABLE.c.owner, TABLE.c.key
)


@pytest.fixture
def transaction():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(str(sa.schema.CreateTable(TABLE).compile(dialect=sa.dialects.sqlite.dialect())))
    yield SqliteTransaction(connection)
    connection.close()


def add(transaction, *rows):
    for row in rows:
        transaction._connection.execute("INSERT INTO things VALUES (?, ?, ?, ?, ?)", row)


def test_values_come_back_as_they_were_written(transaction):
    rows = [
        (b"\x00\xff", "a", '"quoted", [listed]\n\u2028', 2**63 - 1, True),
        (b"", "b", None, -1, False),
        (b"\x00\xff", "ü\x00", "", 0, None),
    ]
    add(transaction, *rows)
    found = transaction.rows_of(SELECT, owner=[row[0] for row in rows], key=[row[1] for row in rows])
    assert sorted(found) == sorted((key, owner, *rest) for owner, key, *rest in rows)


def test_only_the_keys_that_are_asked_for_are_given_whatever_the_order_of_their_columns(transaction):
    add(transaction, *((owner, key, "", 0, True) for owner in (b"1", b"2") for key in ("x", "y")))
    found = transaction.rows_of(SELECT, key=["x", "y"], owner=[b"1", b"2"])
    assert [row[:2] for row in found] == [("x", b"1"), ("y", b"2")]


@pytest.mark.parametrize("count", [0, 1, 16, 17, 63, 64, 65, 200])
def test_any_number_of_keys(transaction, count):
    add(transaction, *((b"1", f"{number:03}", "", number, True) for number in range(count)))
    found = transaction.rows_of(SELECT, owner=[b"1"] * count, key=[f"{number:03}" for number in range(count)])
    assert sorted(row[3] for row in found) == list(range(count))


def test_each_key_is_looked_up_by_itself(transaction):
    plan = transaction._connection.execute(f"EXPLAIN QUERY PLAN {SELECT.sqlite_rows(3)}", [b"", ""] * 3).fetchall()
    assert any("SEARCH things USING" in row[3] for row in plan)
    assert not any("SCAN things" in row[3] for row in plan)
