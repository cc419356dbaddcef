"""A screen of 80 columns to draw on."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console

from delegation.cli.terminal import THEME

COLUMNS = 80


@pytest.fixture
def screen() -> Callable[..., str]:
    """`screen(view, *values)` gives what a view draws, and checks that it fits and does nothing to a terminal."""

    def draw(view: Callable[..., None], *values: object, **options: object) -> str:
        file = io.StringIO()
        view(
            Console(file=file, width=COLUMNS, theme=THEME, highlight=False, markup=False, emoji=False),
            *values,
            **options,
        )
        drawn = file.getvalue()
        assert all(character == "\n" or character.isprintable() for character in drawn)
        assert max((cell_len(line) for line in drawn.split("\n")), default=0) <= COLUMNS
        return drawn

    return draw
