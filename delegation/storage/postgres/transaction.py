"""A group's transaction in PostgreSQL: few round trips, whatever the group holds.

What a group of insertions rests on (how far the revocation feed is, up to when used proofs are forgotten, that keys
were not offered) is first assumed to be as this process saw it last. The one statement that inserts reads it, under
the lock that the transaction has, and nothing is committed unless it is so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from delegation.storage.operations.group import GroupTransaction
from delegation.storage.operations.operation import Marks
from delegation.storage.postgres.connection import CLOCK_MS, Connection, of_the_database
from delegation.storage.postgres.snapshot import PostgresSnapshot, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from delegation.storage.operations.operation import Row
    from delegation.storage.preconditions import Fence
    from delegation.storage.statements import Statement

_SEEN: Final = """
(SELECT position FROM feed_head), (SELECT until_ms FROM horizons WHERE of = 'proofs'),
EXISTS (SELECT FROM offers WHERE offer_digest = ANY($1::bytea[]))
"""


class _MisledError(Exception):
    """What was assumed cannot be so."""


class PostgresTransaction(PostgresSnapshot, GroupTransaction):
    """A transaction in PostgreSQL, used in a greenlet.

    Arguments:
        connection: the connection that it is open on.
        assumed: what to assume; None: what is needed is read first.

    Attributes:
        moved_feed: whether other replicas have to be told.
        misled: whether it came to nothing because something else was assumed than is so.
    """

    def __init__(self, connection: Connection, *, assumed: Marks | None) -> None:
        PostgresSnapshot.__init__(self, connection)
        GroupTransaction.__init__(self)
        self.moved_feed = False
        self.misled = False
        self._marks = assumed
        self._assumes = assumed is not None
        self._rests_on_marks = False
        self._inserting = True
        self._not_offered: list[bytes] = []

    @property
    def marks(self) -> Marks | None:
        """How far things are, if that is known."""
        return self._marks

    def rows_of(self, statement: Statement, **keys: Sequence[object]) -> list[Row]:
        """Return the rows of several keys, and of other combinations of theirs."""
        return self.all(statement, **{name: list(values) for name, values in keys.items()})

    def change(self, statement: Statement, **values: object) -> int:
        """Run an update or delete; return how many rows it changed."""
        ready = statement.postgres
        status: str = wait_for(self._connection.execute(ready.text, *ready.bind(values)))
        return int(status.rpartition(" ")[2])

    def each(self, statement: Statement, values: Sequence[dict[str, object]]) -> list[Row]:
        """Ask the same of many, in one round trip."""
        ready = statement.postgres
        rows = wait_for(self._connection.fetchmany(ready.text, [ready.bind(each) for each in values]))
        return [tuple(row) for row in rows]

    def change_each(self, statement: Statement, values: Sequence[dict[str, object]]) -> None:
        """Run the same update or delete for many, in one round trip."""
        ready = statement.postgres
        wait_for(self._connection.executemany(ready.text, [ready.bind(each) for each in values]))

    def insert(self, statement: Statement, rows: Iterable[Row]) -> None:
        """Insert rows, all in one statement."""
        columns = _columns(statement, rows)
        if columns:
            wait_for(self._connection.execute(_insertion(statement, 1), *columns))

    def insert_all(self, inserts: Mapping[Statement, Sequence[Row]]) -> bool:
        """Insert for a group, and read what it was assumed to rest on, in one statement."""
        self._inserting = False
        if not inserts:
            self.forget()  # what follows reads for itself
            return True
        values: list[Any] = [self._not_offered]
        # In one order everywhere: two replicas that insert the same must not wait for each other.
        statements = tuple(sorted(inserts, key=lambda each: each.postgres.text))
        for statement in statements:
            values += _columns(statement, inserts[statement])
        *seen, offered = wait_for(self._connection.fetchrow(_insertions(statements), *values))
        if None in seen:
            return False  # each says by itself what is lost
        marks = Marks(*seen)
        self.misled = self._rests_on_marks and marks != self._marks
        self._marks = marks
        return not self.misled and not offered

    def check(self, fence: Fence | None) -> None:
        """Check a fence; the head that is assumed is not the database's if somebody has seen a later one."""
        if fence is not None and self._assumes and self._inserting and fence.position > self.head():
            self.misled = True
            raise _MisledError
        super().check(fence)

    def require_not_offered(self, offers: Sequence[bytes]) -> None:
        """Have it seen to with the insertion of the group."""
        if self._inserting:
            self._not_offered += offers
        else:
            super().require_not_offered(offers)

    def _read_marks(self) -> Marks:
        self._rests_on_marks = True
        return super()._read_marks()

    def judged_now_ms(self, now_ms: int) -> int:
        """Return the earlier of a replica's time and the database's."""
        row = wait_for(self._connection.fetchrow(f"SELECT {CLOCK_MS}"))
        return min(now_ms, int(row[0]))

    def move_head(self, by: int) -> int:
        """Move the feed's head, and have the other replicas told."""
        self.moved_feed = True
        return super().move_head(by)

    def save(self) -> None:
        """Set a savepoint."""
        self._inserting = False
        wait_for(self._connection.execute("SAVEPOINT alone"))

    def release(self) -> None:
        """Keep what was written since the savepoint."""
        wait_for(self._connection.execute("RELEASE SAVEPOINT alone"))

    def undo(self) -> None:
        """Undo what was written since the savepoint."""
        wait_for(self._connection.execute("ROLLBACK TO SAVEPOINT alone; RELEASE SAVEPOINT alone"))

    def fails_all(self, error: Exception) -> bool:
        """Tell an error of the database itself from one that a single write brought upon itself."""
        return of_the_database(error)

    def is_conflict(self, error: Exception) -> bool:
        """Tell whether a unique key was taken."""
        return isinstance(error, asyncpg.UniqueViolationError)


def _columns(statement: Statement, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    """Turn rows into columns. In the order of their keys: so two replicas do not wait for each other here, either."""
    width = statement.key_columns
    return list(zip(*sorted(rows, key=lambda row: row[:width]), strict=True))


@lru_cache(maxsize=256)
def _insertion(statement: Statement, first: int) -> str:
    """Give the text of an insertion whose parameters are numbered from `first` on."""
    return statement.postgres_columns % tuple(range(first, first + len(statement.postgres.names)))


@lru_cache(maxsize=256)
def _insertions(statements: tuple[Statement, ...]) -> str:
    """Give the text that makes several insertions and tells what was seen; its first parameter are the offers."""
    parts, first = [], 2
    for place, statement in enumerate(statements):
        parts.append(f"added_{place} AS ({_insertion(statement, first)})")
        first += len(statement.postgres.names)
    return f"WITH {', '.join(parts)} SELECT {_SEEN}"
