"""Where output goes: people's terminals, with colour only there, and programs' pipes, as plain JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final

from rich.console import Console
from rich.theme import Theme

_PIPE_COLUMNS: Final = 120
"""Wide enough that a line is a record, where nobody looks at a screen."""

THEME: Final = Theme(
    {
        "agent": "bold",
        "label": "dim",
        "quiet": "dim",
        "taken": "yellow",
        "allowed": "green",
        "refused": "bold red",
        "warning": "bold yellow",
        "guide": "dim",
    },
    inherit=False,
)


def console() -> Console:
    """Make the console of standard output. `NO_COLOR`, `FORCE_COLOR`, `TERM` and `COLUMNS` are respected."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(
        theme=THEME,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        width=_PIPE_COLUMNS if piped else None,
    )


def print_json(value: Any) -> None:
    """Print plain data. Only ASCII, so that no character of somebody else's does anything to a terminal."""
    print(json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False))  # noqa: T201
