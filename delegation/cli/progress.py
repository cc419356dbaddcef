"""How far a long command has come: on the terminal of errors, and only there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def back_in_time(from_ms: int, to_ms: int) -> Iterator[Callable[[int], None]]:
    """Show a bar while records are read from the newest back to a time; gives what is told how far it has come.

    Args:
        from_ms: where it begins, milliseconds since the Unix epoch.
        to_ms: how far back it goes.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.fields[count]:,} calls"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=max(1, from_ms - to_ms), count=0)
        count = 0

        def reached(moment_ms: int) -> None:
            nonlocal count
            count += 1
            progress.update(bar, completed=max(0, from_ms - moment_ms), count=count)

        yield reached
