"""One thing that was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works now, and will not if nothing is done."""
    PROBLEM = "problem"
    """The service cannot start, or cannot do its work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        check: what was looked at, a stable word.
        level: how bad it is.
        found: what is there.
        advice: what to do; empty where all is well.
    """

    check: str
    level: Level
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """Say that all is well."""
    return Finding(check, Level.OK, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """Say what will go wrong."""
    return Finding(check, Level.WARNING, found, advice)


def problem(check: str, found: str, advice: str) -> Finding:
    """Say what is wrong."""
    return Finding(check, Level.PROBLEM, found, advice)


def from_error(check: str, error: Exception) -> Finding:
    """Make a problem of an error whose one line says what is wrong and, after a colon or semicolon, what to do."""
    text = str(error)
    for mark in (": ", "; "):
        found, cut, advice = text.rpartition(mark)
        if cut:
            return problem(check, found, advice)
    return problem(check, text, "correct it and run this again")
