"""Rows of results: against their bars, as a table, as JSON, as Markdown. A missed bar is told, never an error."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from measure import MeasurementFailedError

_COLUMNS: Final = ("what", "measured", "bar", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured value.

    Attributes:
        name: what was measured; the same from run to run.
        value: the measurement.
        unit: of value and bar. `x raw` counts signature verifications, `x echo` a bare gRPC echo.
        bar: what the design asks for; None for a value that is only reported.
        at_least: True if the bar is a floor; else it is a ceiling.
        possible_from: a value below this cannot be, so that the measurement failed.
        takes_anything: whether any number will do: of a few rounds on a busy machine none means anything.
    """

    takes_anything: ClassVar[bool] = False

    name: str
    value: float
    unit: str
    bar: float | None = None
    at_least: bool = False
    possible_from: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.value) or (self.value < self.possible_from and not self.takes_anything):
            raise MeasurementFailedError(f"{self.name}: {self.value} {self.unit} cannot be")

    @property
    def holds(self) -> bool | None:
        """Whether the bar is reached; None without one."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def plain(self) -> dict[str, Any]:
        """Give the row as results.json has it."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "bar": None if self.bar is None else round(self.bar, 4),
            "holds": self.holds,
        }

    def cells(self) -> tuple[str, str, str, str]:
        """Give the row as people read it."""
        bar = "" if self.bar is None else f"{'≥' if self.at_least else '≤'} {_short(self.bar)}"
        return (self.name, f"{_short(self.value)} {self.unit}", bar, self._verdict())

    def _verdict(self) -> str:
        if self.bar is None or self.holds is None:
            return ""
        if self.holds:
            return "holds"
        if not self.bar:
            return f"missed by {_short(self.value)}"
        gap = abs(self.value / self.bar - 1)
        return f"missed by {gap:.1%}"


def require_different_names(rows: Sequence[Row]) -> None:
    """Require that a name stands for one row. Raises `MeasurementFailedError`."""
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise MeasurementFailedError(f"two rows are called {name!r}")


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write all rows, making the directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([row.plain() for row in rows], indent=2) + "\n", encoding="utf-8")


def table(title: str, rows: Sequence[Row]) -> str:
    """Give rows as aligned text."""
    cells = [row.cells() for row in rows]
    widths = [max(len(line[column]) for line in [_COLUMNS, *cells]) for column in range(len(_COLUMNS))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join([title, *(f"  {line.rstrip()}" for line in lines)])


def markdown(title: str, rows: Sequence[Row]) -> str:
    """Give rows as a Markdown table."""
    lines = [f"### {title}", "", f"| {' | '.join(_COLUMNS)} |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    return "\n".join(lines)


def summary(rows: Sequence[Row]) -> str:
    """Say how many bars hold."""
    judged = [row for row in rows if row.holds is not None]
    missed = sum(not row.holds for row in judged)
    return f"{len(judged) - missed} of {len(judged)} bars hold; {len(rows) - len(judged)} rows are reported only"


def _short(value: float) -> str:
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 100 else f"{value:.2f}"
