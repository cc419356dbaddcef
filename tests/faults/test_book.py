"""The judge of the fault scenarios, judged: what is lost, entered twice or made up is noticed, whatever kind it is."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from faults.audit import found
from faults.book import Book, Kind, Tally, Write, twice
from faults.estate import estate
from faults.load import Load

ONE, OTHER = Write(Kind.GRANT, b"one"), Write(Kind.HAND_OFF, b"other")


def book() -> Book:
    made = Book()
    made.ask(ONE, OTHER)
    made.acknowledge(ONE)
    return made


def test_a_write_whose_answer_was_lost_may_be_found_or_not():
    assert book().compare(Counter([ONE])) == Tally(1, found=1, lost=0, twice=0, unasked=0)
    assert book().compare(Counter([ONE, OTHER])) == Tally(1, found=2, lost=0, twice=0, unasked=0)
    assert book().compare(Counter([ONE, OTHER])).good


def test_an_acknowledged_write_that_is_not_found_is_lost():
    tally = book().compare(Counter([OTHER]))
    assert (tally.lost, tally.good) == (1, False)


def test_what_is_found_more_than_once_is_twice_even_if_it_was_never_acknowledged():
    tally = book().compare(Counter([ONE, OTHER, OTHER]))
    assert (tally.twice, tally.good) == (1, False)


def test_what_nobody_asked_for_is_noticed():
    tally = book().compare(Counter([ONE, Write(Kind.RECORD, b"who?")]))
    assert (tally.unasked, tally.good) == (1, False)


def test_where_nothing_was_acknowledged_nothing_was_shown():
    assert not Book().compare(Counter()).good


LOSES = """
    DELETE FROM tasks WHERE task_id = (SELECT task_id FROM tasks ORDER BY completed_ms LIMIT 1);
    DELETE FROM links WHERE link_id = (SELECT link_id FROM links WHERE parent_link_id NOT NULL
        AND task_id IN (SELECT task_id FROM tasks) LIMIT 1);
    DELETE FROM calls WHERE call_id = (SELECT call_id FROM calls WHERE guard_key IS NULL LIMIT 1);
    DELETE FROM calls WHERE call_id = (SELECT call_id FROM calls WHERE guard_key NOT NULL LIMIT 1);
    DELETE FROM revocations WHERE position = (SELECT position FROM revocations WHERE kind = 'task' LIMIT 1);
    DELETE FROM revocations WHERE position = (SELECT position FROM revocations WHERE kind = 'link' LIMIT 1);
"""
REPEATS = """
    CREATE TEMPORARY TABLE again AS SELECT * FROM revocations WHERE position IN
        (SELECT max(position) FROM revocations GROUP BY kind);
    UPDATE again SET position = position + 1000000;
    INSERT INTO revocations SELECT * FROM again;
    UPDATE feed_head SET position = position + 1000000;
    CREATE TEMPORARY TABLE decided AS SELECT * FROM calls WHERE guard_key IS NULL LIMIT 1;
    UPDATE decided SET call_id = randomblob(16);
    INSERT INTO calls SELECT * FROM decided;
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A database that holds acknowledged writes of every kind, what was acknowledged, and the service."""
    with estate(tmp_path_factory.mktemp("estate")) as made:
        service = made.replica()
        service.start()
        with Load(made.connecting(), each=1) as load:
            while set(load.book.by_kind()) < set(Kind):
                load.book.more_than(len(load.book), timeout_s=60)
        service.kill()
        database = made.directory / "delegation.sqlite3"
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield made, service, load.book, database, database.read_bytes()


def found_after(written, script: str) -> Counter[Write]:
    made, service, _, database, content = written
    for beside in ("-wal", "-shm"):
        database.with_name(database.name + beside).unlink(missing_ok=True)
    database.write_bytes(content)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)
        connection.commit()
    service.start()
    try:
        with made.connected() as auditor:
            return found(auditor)
    finally:
        service.kill()


def test_nothing_is_missed_where_nothing_was_spoilt(written):
    tally = written[2].compare(found_after(written, ""))
    assert tally.good, str(tally)


def test_a_lost_write_of_any_kind_is_noticed(written):
    seen = found_after(written, LOSES)
    assert {write.kind for write in written[2].lost(seen)} == set(Kind)
    assert not written[2].compare(seen).good


def test_what_was_entered_twice_is_noticed(written):
    seen = found_after(written, REPEATS)
    assert {write.kind for write in twice(seen)} == {Kind.AUTHORIZE, Kind.COMPLETE, Kind.REVOKE}
    assert not written[2].compare(seen).good
