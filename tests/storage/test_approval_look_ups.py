"""Requests for approval are looked up by an index: a decision finds the few that stand, whatever was withdrawn."""

from __future__ import annotations

import contextlib
import re
import sqlite3

import pytest

from delegation.storage.approvals import ApprovalFilter
from delegation.storage.operations import approvals, approvals_in_task
from delegation.storage.queries import approvals_page
from delegation.storage.sqlite import SqliteStorage
from delegation.storage.statements import Statement

LIVE, REFUSED = approvals_in_task._LIVE, approvals._REFUSED
MINE = Statement(approvals_page(ApprovalFilter(requester="agent"), cursor=None, at_most=1))
WITHDRAWN = """
INSERT INTO approval_requests SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), '\\x01', '\\x02', 'files', 'delete',
'\\x03', '\\x', NULL, '', '', '', '', '[]', '[]', 'agent', 1, 2, 2, 'withdrawn', '', NULL
FROM generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (LIVE, "ix_approval_requests__live"),
        (REFUSED, "ix_approval_requests__refused"),
        (MINE, "ix_approval_requests__requester_request_id"),
    ],
)
async def test_sqlite_looks_requests_up_by_their_index(tmp_path, statement, index):
    storage = SqliteStorage(tmp_path / "delegation.db")
    await storage.open()
    await storage.close()
    query = statement.sqlite
    with contextlib.closing(sqlite3.connect(tmp_path / "delegation.db")) as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN {query.text}", [None] * len(query.names)).fetchall()
    assert f"USING INDEX {index} " in plan[0][3]


def test_postgres_looks_up_what_stands_by_its_index(postgres):
    database = postgres.new_database().rpartition("/")[2]
    postgres.sql(database, WITHDRAWN)
    postgres.sql(database, "ANALYZE approval_requests")
    values = {"now_ms": "1", "param_1": "1", "audience": "'files'", "tool": "'delete'"}
    given = [values.get(name, "'\\x03'::bytea") for name in LIVE.postgres.names]
    text = re.sub(r"\$(\d+)", lambda found: given[int(found[1]) - 1], LIVE.postgres.text)
    plan = "\n".join(str(row[0]) for row in postgres.sql(database, f"EXPLAIN {text}"))
    assert "ix_approval_requests__live" in plan, plan
