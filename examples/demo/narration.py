"""What the spectator sees: numbered steps, a mark for everything that was asserted, and the first surprise.

Nothing here decides anything. Plain text where nobody looks at a terminal, colours where somebody does.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text
from rich.theme import Theme

_COLUMNS = 80
_INDENT = 5
_THEME = Theme(
    {
        "title": "bold",
        "number": "bold cyan",
        "held": "green",
        "surprise": "bold red",
        "quiet": "dim",
        "command": "cyan",
        "answer": "yellow",
    },
    inherit=False,
)


class SurpriseError(Exception):
    """Something happened that the story does not tell."""


class Narration:
    """Tells the story on standard output."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)  # a pipe gets each line when it is known
        self._watched = sys.stdout.isatty()
        width = min(Console().width, _COLUMNS) if self._watched else _COLUMNS
        self._console = Console(theme=_THEME, highlight=False, markup=False, emoji=False, width=width)
        self._began = time.monotonic()
        self._checks = 0
        self.steps = 0
        self.title = "setting the stage"

    @property
    def colours(self) -> bool:
        """Whether commands that are shown may use colours."""
        return self._console.color_system is not None and not self._console.no_color

    @property
    def columns(self) -> int:
        """How wide the output of a command may be."""
        return self._console.width - _INDENT

    def opening(self, title: str, paragraph: str) -> None:
        """Say what this is."""
        self._console.print()
        self._put(Text(title, "title"), indent=1)
        self._put(Text(paragraph, "quiet"), indent=1)

    def introduce(self, name: str, role: str) -> None:
        """Say who plays."""
        self._put(Text.assemble(f"{name:<16}", (role, "quiet")), indent=_INDENT, hang=16)

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something takes a moment; only on a terminal."""
        if self._watched:
            with self._console.status(Text(what, "quiet"), spinner_style="quiet"):
                yield
        else:
            yield

    @contextlib.contextmanager
    def step(self, title: str, *paragraphs: str) -> Iterator[None]:
        """Tell one step; what is raised inside is told as happening in it."""
        self.steps += 1
        self.title = title
        self._console.print()
        self._console.print(Text.assemble((f"{self.steps:>3}", "number"), "  ", (title, "title")))
        for paragraph in paragraphs:
            self.say(paragraph)
        yield

    def say(self, text: str) -> None:
        """Explain."""
        self._put(Text(text, "quiet"), indent=_INDENT)

    def holds(self, said: str, condition: object, *, answer: str = "", found: object = "") -> None:
        """Assert something and say so.

        Args:
            said: What is asserted, as a sentence.
            condition: Whether it is so.
            answer: What somebody was told.
            found: What was found; told if it is not so.

        Raises:
            SurpriseError: It is not so.
        """
        if not condition:
            told = found or answer
            raise SurpriseError(f"it does not hold that {said}" + (f"; found: {told}" if told else ""))
        self._checks += 1
        line = Text.assemble(("✓ ", "held"), said, (f": {answer}" if answer else "", "answer"))
        self._put(line, indent=_INDENT, hang=2)

    def show(self, line: str, *, style: str = "", further: int = 0) -> None:
        """Show a line of something, further in by so many columns; wrapped where it must be."""
        self._put(Text(line, style), indent=_INDENT + further, hang=2)

    def command(self, line: str, output: str) -> None:
        """Show a command that the spectator could type, and what it answered, as it is."""
        self.show(f"$ {line}", style="command")
        for shown in output.rstrip("\n").splitlines():
            self._console.print(Text(" " * _INDENT), Text.from_ansi(shown), sep="", soft_wrap=True)

    def happy_end(self, kept: Path | None) -> None:
        """Say that all was as told, and where things are if they were kept."""
        seconds = time.monotonic() - self._began
        self._console.print()
        end = f"{self.steps} steps, {self._checks} assertions, {seconds:.1f} s: all as promised."
        self._put(Text.assemble(("✓ ", "held"), (end, "title")), indent=1)
        if kept is not None:
            self._whole(f"files, database and logs: {kept}")
        self._console.print()

    def bad_end(self, why: str, logs: Path) -> None:
        """Say in which step what went wrong, and where to look."""
        self._console.print()
        where = f"step {self.steps}, {self.title}" if self.steps else self.title
        self._put(Text.assemble(("✗ ", "surprise"), (f"{where}: ", "title"), why), indent=1)
        self._whole(f"what every process said: {logs}")
        self._console.print()

    def _whole(self, line: str) -> None:
        """Print a line that somebody may want to copy from: never wrapped."""
        self._console.print(Text(f" {line}", "quiet"), soft_wrap=True)

    def _put(self, text: Text, *, indent: int, hang: int = 0) -> None:
        width = self._console.width - indent
        first = text.wrap(self._console, width)[0]
        first.rstrip()
        rest = text[len(first) :]
        self._console.print(Text(" " * indent), first, sep="", soft_wrap=True)
        if rest.plain.strip():
            for line in rest[len(rest) - len(rest.plain.lstrip()) :].wrap(self._console, width - hang):
                line.rstrip()
                self._console.print(Text(" " * (indent + hang)), line, sep="", soft_wrap=True)
