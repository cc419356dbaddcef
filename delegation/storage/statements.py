"""Statements of the shared schema, compiled once to each database's text.

The hot path hands text and a tuple to the driver; compiling, or even looking up, a statement
object there costs more than the write itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine.interfaces import Dialect

_SQLITE = sqlite.dialect(paramstyle="qmark")
_POSTGRES = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

_ROW: Final = re.compile(r"VALUES (\(\?(?:, \?)*\))")
_ROW_OF_PARAMETERS: Final = re.compile(r"VALUES \([^()]*\)")


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL text and where each named parameter goes."""

    text: str
    names: tuple[str, ...]
    literals: dict[str, Any]
    """Values that the statement itself holds."""

    def bind(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """Return the parameters in the text's order."""
        known = {**self.literals, **values} if self.literals else values
        return tuple([known[name] for name in self.names])


class Statement:
    """A statement whose parameters are `bindparam`s.

    Arguments:
        statement: what it says.
        postgres: how it says that to PostgreSQL, where the two differ.
    """

    def __init__(self, statement: sa.ClauseElement, *, postgres: sa.ClauseElement | None = None) -> None:
        self._statement = statement
        self._for_postgres = statement if postgres is None else postgres
        self._of_rows: dict[int, str] = {}

    @cached_property
    def sqlite(self) -> Compiled:
        """Its text for SQLite."""
        return _compiled(self._statement, _SQLITE)

    def sqlite_rows(self, count: int) -> str:
        """Give the text for so many rows at once, of an insertion or of keys: one step, whatever their number."""
        text = self._of_rows.get(count)
        if text is None:
            row = _ROW.search(self.sqlite.text)
            if row is None:
                raise ValueError("no row is given")
            rows = ", ".join([row.group(1)] * count)
            text = self._of_rows[count] = self.sqlite.text[: row.start(1)] + rows + self.sqlite.text[row.end(1) :]
        return text

    @cached_property
    def postgres(self) -> Compiled:
        """Its text for PostgreSQL."""
        return _compiled(self._for_postgres, _POSTGRES)

    @cached_property
    def postgres_columns(self) -> str:
        """An insertion's text for any number of rows at once: takes an array of values for each column.

        Without the numbers of its parameters, so that several can be put together: each is `$%d` here.
        """
        row = _ROW_OF_PARAMETERS.search(self.postgres.text)
        table = getattr(self._statement, "table", None)
        if row is None or table is None:
            raise ValueError("not an insertion of a row")
        arrays = ", ".join(f"$%d::{_array_of(table.c[name].type)}" for name in self.postgres.names)
        before, after = self.postgres.text[: row.start()], self.postgres.text[row.end() :]
        return f"{before}SELECT * FROM unnest({arrays}){after}"  # noqa: S608 - names of our own schema

    @cached_property
    def key_columns(self) -> int:
        """Of an insertion: how many values at a row's beginning are its key."""
        table = getattr(self._statement, "table", None)
        return 0 if table is None else len(table.primary_key.columns)


class KeyedSelect(Statement):
    """The rows of several keys: for PostgreSQL by arrays, one for each column of the key; for SQLite as one JSON text.

    Arguments:
        select: what to select.
        columns: of the key.
        postgres: the same by arrays.
    """

    def __init__(self, select: sa.Select[Any], columns: Sequence[sa.Column[Any]], *, postgres: sa.Select[Any]) -> None:
        super().__init__(_one_text(select, columns), postgres=postgres)
        self._blobs = [place for place, column in enumerate(select.selected_columns) if _is_blob(column)]

    def rows_in(self, text: str) -> list[tuple[Any, ...]]:
        """Read the rows that SQLite has written into one text."""
        rows: list[list[Any]] = json.loads(text)
        for place in self._blobs:
            for row in rows:
                row[place] = bytes.fromhex(row[place])
        return [tuple(row) for row in rows]


def of_keys(select: sa.Select[Any], *columns: sa.Column[Any], lock: bool = False) -> KeyedSelect:
    """Select the rows of several keys.

    Arguments:
        select: what to select.
        columns: of the key; the parameters have their names.
        lock: keep others from changing these rows, locked in the order of their keys.
    """
    many = select.where(*(column == sa.any_(sa.bindparam(column.name, type_=_array(column))) for column in columns))
    if lock:
        many = many.order_by(*columns).with_for_update()
    return KeyedSelect(select, columns, postgres=many)


def _one_text(select: sa.Select[Any], columns: Sequence[sa.Column[Any]]) -> sa.TextClause:
    """Select all rows as one text: for each row the driver would let go of the interpreter, and wait to get it back.

    Each key is looked up by itself: for `(a, b) IN (VALUES …)` SQLite would read the whole table.
    """
    table, names = columns[0].table.name, [column.name for column in columns]
    found = ", ".join(
        f"hex({table}.{column.name})" if _is_blob(column) else f"{table}.{column.name}"
        for column in select.selected_columns
    )
    keys = ", ".join(f":{name}" for name in names)
    on = " AND ".join(f"{table}.{name} = wanted.{name}" for name in names)
    return sa.text(
        f"WITH wanted({', '.join(names)}) AS (VALUES ({keys})) "  # noqa: S608 - names of our own schema
        f"SELECT json_group_array(json_array({found})) FROM wanted CROSS JOIN {table} ON {on}"
    )


def _array(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    return postgresql.ARRAY(sa.LargeBinary if _is_blob(column) else sa.Text)


def _is_blob(column: sa.ColumnElement[Any]) -> bool:
    return isinstance(column.type, sa.LargeBinary)


def insert_or_leave(table: sa.Table) -> Statement:
    """Insert whole rows; one whose key is taken changes nothing."""
    return Statement(
        sqlite.insert(table).on_conflict_do_nothing(),
        postgres=postgresql.insert(table).on_conflict_do_nothing(),
    )


def insert_or_replace(table: sa.Table, *changes: str) -> Statement:
    """Insert whole rows; one whose key is taken replaces what is there.

    Arguments:
        table: where.
        changes: the columns that are replaced: an index of others is left alone, then. None: all of them.
    """
    key = list(table.primary_key.columns)
    rest = changes or [column.name for column in table.columns if not column.primary_key]
    here, there = sqlite.insert(table), postgresql.insert(table)
    return Statement(
        here.on_conflict_do_update(index_elements=key, set_={name: here.excluded[name] for name in rest}),
        postgres=there.on_conflict_do_update(index_elements=key, set_={name: there.excluded[name] for name in rest}),
    )


def insert_or_raise(table: sa.Table, column: str) -> Statement:
    """Insert whole rows; of one whose key is taken, only a column changes, and only to a greater value."""
    key = list(table.primary_key.columns)
    here, there = sqlite.insert(table), postgresql.insert(table)
    return Statement(
        here.on_conflict_do_update(
            index_elements=key, set_={column: sa.func.max(here.excluded[column], table.c[column])}
        ),
        postgres=there.on_conflict_do_update(
            index_elements=key, set_={column: sa.func.greatest(there.excluded[column], table.c[column])}
        ),
    )


def _array_of(kind: sa.types.TypeEngine[Any]) -> str:
    return _POSTGRES.type_compiler_instance.process(kind).partition(" COLLATE ")[0] + "[]"


def _compiled(statement: sa.ClauseElement, dialect: Dialect) -> Compiled:
    result = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    names = tuple(result.positiontup or ())  # type: ignore[attr-defined]
    literals = {name: value for name, value in result.params.items() if value is not None}
    return Compiled(str(result), names, literals)
