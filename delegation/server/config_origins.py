"""Where each value of the configuration came from: for errors, which say what to correct, and for `config show`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ENVIRONMENT_PREFIX: Final = "DELEGATION_"
ENVIRONMENT_DELIMITER: Final = "__"
DEFAULT: Final = "default"
_COMMAND_LINE: Final = "command line"

Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Origins:
    """The values that were given, by where they were given. What is further down comes before what is above it.

    Attributes:
        file: the configuration file; None if there is none.
        from_file: what it says.
        from_environment: what the environment says.
        from_command: what the command line says.
    """

    file: Path | None
    from_file: Mapping[str, Any] = field(repr=False)
    from_environment: Mapping[str, Any] = field(repr=False)
    from_command: Mapping[str, Any] = field(repr=False)

    def values(self) -> dict[str, Any]:
        """Lay them over one another."""
        return _over(_over(self.from_file, self.from_environment), self.from_command)

    def of(self, location: Location) -> str:
        """Name where the value at a place came from: `command line`, a variable, the file, or `default`."""
        if _has(self.from_command, location[:1]):
            return _COMMAND_LINE
        if _has(self.from_environment, location):
            return _variable(location)
        return str(self.file) if self.file is not None and _has(self.from_file, location) else DEFAULT

    def blamed(self, location: Location) -> str:
        """Name where to correct the value at a place, or to add one that is missing."""
        origin = self.of(location)
        if origin == DEFAULT:
            return str(self.file) if self.file is not None else "configuration"
        return f"environment variable {origin}" if origin.startswith(ENVIRONMENT_PREFIX) else origin


def _over(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree of tables over another; a list replaces a list."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _has(values: object, location: Location) -> bool:
    for key in location:
        if not isinstance(values, dict) or key not in values:
            return isinstance(values, (list, tuple)) and isinstance(key, int)
        values = values[key]
    return bool(location)


def _variable(location: Location) -> str:
    names = [part for part in location if isinstance(part, str)]
    known = names[:1] if names[0] == "identities" else names[:2]
    return ENVIRONMENT_PREFIX + ENVIRONMENT_DELIMITER.join(known).upper()
