"""Constants of constraints as people read them: at a cost, and of a length, that does not grow with them.

A refusal says what was permitted and what was asked. Whoever made the token chose both, and may have chosen 60 KB.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Final, TypeVar

from delegation.core.constraints.decimals import format_decimal

ROOM: Final = 400
"""About how many characters a description has."""

_BRIEF: Final = 60
T = TypeVar("T")


def clipped(text: str, room: int) -> str:
    """Give the beginning of a text for which there is room."""
    return text if len(text) <= room else text[: max(room, 0)] + "…"


def in_words(value: object, room: int = ROOM) -> str:
    """Show a value of a constraint."""
    if isinstance(value, Decimal):
        return format_decimal(value)
    if isinstance(value, str):
        shown = json.dumps(value[: max(room, 0)], ensure_ascii=False)
        return shown if len(value) <= room else shown + "…"
    if isinstance(value, list | dict):
        text = ""
        for part in json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=float).iterencode(value):
            text += clipped(part, room)
            if len(text) > room:
                return text + "…"
        return text
    return json.dumps(value)


def named(name: str, why: str) -> str:
    """Say of which field of an object something is said; inside of one another, too, it stays a sentence."""
    return clipped(f"field {clipped(name, _BRIEF)}: {why}", ROOM)


def briefly(value: object) -> str:
    """Show a value of a constraint in a few words; of a list or object only that it is one."""
    if isinstance(value, list | dict):
        return "the list" if isinstance(value, list) else "the object"
    return in_words(value, _BRIEF)


def joined(items: Collection[T], show: Callable[[T, int], str], separator: str, room: int) -> str:
    """Show as many things as there is room for, and how many there are besides."""
    shown: list[str] = []
    for item in items:
        if room <= 0:
            shown.append(f"… {len(items) - len(shown)} more")
            break
        text = show(item, room)
        room -= len(text) + len(separator)
        shown.append(text)
    return separator.join(shown)
