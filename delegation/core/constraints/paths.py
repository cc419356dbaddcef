"""Absolute paths at or below a directory.

A path that is not in normal form is refused, never rewritten: else the tool and the guard would
read two different paths. Symbolic links are the tool's business; the documentation says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from delegation.core.arguments import Value
from delegation.core.constraints.family import Steps

_ESCAPE: Final = re.compile("%[0-9A-Fa-f]{2}")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f\x80-\x9f]")


def is_normal_path(path: str) -> bool:
    """Tell whether an absolute path is in normal form (SPEC section 5).

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
        and not ("%" in path and _ESCAPE.search(path))
        and (path.isprintable() or not _CONTROL.search(path))
    )


def _has_dot_segment(path: str) -> bool:
    return not {".", ".."}.isdisjoint(path.split("/"))


@dataclass(frozen=True, slots=True)
class SubPath:
    """Allows `root` and whatever lies below it. `root` is itself in normal form."""

    root: str

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is such a path, in normal form."""
        if type(value) is not str:
            return False
        root = self.root
        inside = root in (value, "/") or (value.startswith(root) and value[len(root)] == "/")
        if not inside or not (value is steps.normal_path or is_normal_path(value)):
            return False
        steps.normal_path = value
        return True

    def describe(self) -> str:
        """Name the directory."""
        return f"a path under {self.root}"
