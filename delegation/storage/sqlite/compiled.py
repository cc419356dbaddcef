"""Statements of the shared schema, compiled once to SQLite's text.

The hot path hands text and a tuple to the driver; compiling, or even looking up, a statement
object there costs more than the write itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    import sqlalchemy as sa

_DIALECT = sqlite.dialect(paramstyle="qmark")


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


def compiled(statement: sa.ClauseElement) -> Compiled:
    """Compile a statement whose parameters are `bindparam`s."""
    result = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    names = tuple(result.positiontup or ())  # type: ignore[attr-defined]
    literals = {name: value for name, value in result.params.items() if value is not None}
    return Compiled(str(result), names, literals)
