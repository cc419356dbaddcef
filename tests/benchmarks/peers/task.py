"""The work that everyone is given: one tool, three constraints on its arguments, each narrower at every hop."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any, Final

from chains import arguments

LIFETIME_S: Final = 900
CALLS: Final = 64
"""So many different calls are made in turn, each with a proof of its own where there is one."""
CALLS_A_ROUND: Final = 12

_DIRECTORIES: Final = ("srv", "docs", "team", "a", "2026", "q4", "plan", "v2", "new", "b")
_MODES: Final = ("text", "raw", "head", "tail", "json", "hex", "size", "date", "hash", "type")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a link permits.

    Attributes:
        directory: the path has to be in it.
        least: the limit is at least this,
        most: and at most this.
        modes: the mode is one of these.
    """

    directory: str
    least: int
    most: int
    modes: tuple[str, ...]


def bounds_at(hop: int) -> Bounds:
    """Give what the hop-th link permits, 0 the first: each less in all three than the one before."""
    return Bounds("/" + "/".join(_DIRECTORIES[: hop + 2]), 1, 1000 - hop, _MODES[: len(_MODES) - hop])


WIDER: Final = Bounds("/srv", 1, 2000, _MODES)
"""What no first link has permitted."""


def call(number: int) -> dict[str, Any]:
    """Give arguments that every link permits, different for each number."""
    return arguments(number)


OUTSIDE: Final = {
    "a path outside": call(0) | {"path": "/srv/other/0.txt"},
    "a path that leads outside": call(0) | {"path": f"{bounds_at(0).directory}/../other/0.txt"},
    "a limit out of range": call(0) | {"limit": 1001},
    "another mode": call(0) | {"mode": "list"},
}
"""Calls that no first link has permitted."""


def normal(path: str) -> str:
    """Resolve `.` and `..` in a path, for those who compare paths as texts."""
    return posixpath.normpath(path)
