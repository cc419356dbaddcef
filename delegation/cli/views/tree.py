"""Trees of text with thin guides, that stay readable at 80 columns however deep they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.text import Text

_DEEPEST_INDENT: Final = 10
"""Levels that are indented. A chain may have 32 links; what is deeper stays at this column."""
_NARROWEST: Final = 24


@dataclass(slots=True)
class Line:
    """One line, wrapped where it must be.

    Attributes:
        text: What it says.
        hang: By how many columns what is wrapped is indented.
    """

    text: Text
    hang: int = 0


@dataclass(slots=True)
class Node:
    """A node: its lines, then its children."""

    lines: list[Line]
    children: list[Node] = field(default_factory=list)


def print_tree(console: Console, root: Node) -> None:
    """Print a tree."""
    for line in _lines(console, root, first="", rest="", level=0):
        console.print(line, soft_wrap=True)


def _lines(console: Console, node: Node, *, first: str, rest: str, level: int) -> Iterator[Text]:
    own = rest + ("│  " if node.children and level < _DEEPEST_INDENT else "   " if level < _DEEPEST_INDENT else "")
    prefix = first
    for line in node.lines:
        for part in wrapped(console, line, console.width - len(own)):
            yield Text.assemble((prefix, "guide"), part)
            prefix = own
    for index, child in enumerate(node.children):
        last = index == len(node.children) - 1
        if level < _DEEPEST_INDENT:
            branch, beside = ("└─ ", "   ") if last else ("├─ ", "│  ")
        else:
            branch, beside = "", ""
        yield from _lines(console, child, first=rest + branch, rest=rest + beside, level=level + 1)


def wrapped(console: Console, line: Line, width: int) -> Iterator[Text]:
    """Give the parts of a line that fit a width."""
    width = max(width, _NARROWEST)
    first = line.text.wrap(console, width)[0]
    first.rstrip()
    yield first
    rest = line.text[len(first.plain) :]
    rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
    if rest.plain:
        for part in rest.wrap(console, width - line.hang):
            part.rstrip()
            yield Text.assemble(" " * line.hang, part)
