"""Absolute paths at or below a directory.

A path that is not in normal form is refused, never rewritten: else the tool and the guard would
read two different paths. Symbolic links are the tool's business; the documentation says so.
"""

from __future__ import annotations

import re
from typing import Final, Self

from delegation.core.arguments import Value
from delegation.core.constraints.domains import PATHS, Domain
from delegation.core.constraints.family import STEP_CHARACTERS, Steps, typed
from delegation.core.constraints.strings import check_string
from delegation.core.constraints.words import ROOM, clipped
from delegation.core.named_tuple import NamedTuple, made
from delegation.errors import Reason, refusal

ESCAPE: Final = "%[0-9A-Fa-f]{2}"
CONTROL: Final = "[\x00-\x1f\x7f-\x9f]"
"""Patterns of what no path and no segment contains; compiled when something looks like it."""


def is_normal_path(path: str) -> bool:
    """Tell whether an absolute path is in normal form (SPEC section 5.1).

    No `.`, `..` or empty segment, no trailing slash but for "/" itself, no backslash, no control
    character, nothing that looks percent-encoded.
    """
    if path == "/":
        return True
    return (
        path.startswith("/")
        and not path.endswith("/")
        and "//" not in path
        and "\\" not in path
        and not ("/." in path and _has_dot_segment(path))
        and not ("%" in path and re.search(ESCAPE, path))
        and (path.isprintable() or not re.search(CONTROL, path))
    )


def _has_dot_segment(path: str) -> bool:
    return not {".", ".."}.isdisjoint(path.split("/"))


def lies_in(path: str, root: str) -> bool:
    """Tell whether a path is a root or lies below it; both are in normal form."""
    return root in (path, "/") or path.startswith(root + "/")


@typed
class SubPath(NamedTuple):
    """Allows `root` and whatever lies below it. `root` is itself in normal form."""

    root: str

    @classmethod
    def of(cls, root: str) -> Self:
        """Take a root, checked.

        Raises:
            Malformed: FIELD_INVALID (S-13).
        """
        if not is_normal_path(root):
            raise refusal(Reason.FIELD_INVALID, detail="not an absolute path in normal form")
        return made(cls, (check_string(root),))

    @property
    def domain(self) -> Domain:
        """Strings in path normal form."""
        return PATHS

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no path in normal form."""
        if type(value) is not str:
            return None
        steps.take(len(value) // STEP_CHARACTERS)
        return lies_in(value, self.root) if steps.once(is_normal_path, value) else None

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is such a path, in normal form."""
        if type(value) is not str:
            return False
        if len(value) >= STEP_CHARACTERS:
            steps.take(len(value) // STEP_CHARACTERS)
        root = self.root
        inside = root in (value, "/") or (value.startswith(root) and value[len(root)] == "/")
        if not inside or not (value is steps.normal_path or is_normal_path(value)):
            return False
        steps.normal_path = value
        return True

    def describe(self, room: int = ROOM) -> str:
        """Name the directory."""
        return f"a path under {clipped(self.root, room)}"
