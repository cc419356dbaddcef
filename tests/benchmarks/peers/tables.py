"""Results as tables: aligned text for a terminal, Markdown for a page. Knows nothing of who was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table: a row's first cell is its name, the others are figures."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """Give it as aligned text."""
        lines = [["", *self.head], *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        aligned = ["  ".join([_left(line, widths), *_right(line, widths)]).rstrip() for line in lines]
        return "\n".join([self.title, *(f"  {line}" for line in aligned)])

    def markdown(self) -> str:
        """Give it as Markdown, without the title."""
        rule = "|".join(["---", *("---:" for _ in self.head)])
        lines = [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join([f"| | {' | '.join(self.head)} |", f"|{rule}|", *lines])


def time_cell(us: float, ratio: float) -> str:
    """Give a time and what it is in verifications."""
    return f"{us:,.0f} ({ratio:.2f})"


def size_cell(binary_bytes: int | None, text_bytes: int) -> str:
    """Give a size in both of its forms."""
    return f"{'-' if binary_bytes is None else f'{binary_bytes:,}'} / {text_bytes:,}"


def lines(title: str, items: Sequence[tuple[str, str]]) -> str:
    """Give named lines as text."""
    return "\n".join([title, *(f"  {name}: {line}" for name, line in items)])


def bullets(items: Sequence[tuple[str, str]]) -> str:
    """Give named lines as Markdown."""
    return "\n".join(f"- **{name}** {line}" for name, line in items)


def _left(line: Sequence[str], widths: Sequence[int]) -> str:
    return line[0].ljust(widths[0])


def _right(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True)]
