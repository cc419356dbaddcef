"""Options that several commands have, written once so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print plain data for programs.")]

ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        show_default=False,
        help="The profile to connect with; else $DELEGATION_PROFILE, else .delegation/profile.toml.",
    ),
]

Token = Annotated[
    str,
    typer.Argument(
        metavar="TOKEN",
        show_default=False,
        help="The token: its text, @FILE, or - to read it from standard input.",
    ),
]
