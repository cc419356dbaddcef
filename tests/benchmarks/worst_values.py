"""Values for the search of the worst input: texts near every normal form, numbers that take long, lists, objects.

Every value is made from a recipe and a number; other numbers give other values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from worst_recipes import Part, Recipe, Whole, Word

from delegation.core import limits


class Room:
    """How much may still be made, in bytes and values: recipes are clipped there, so that most keep to the limits."""

    __slots__ = ("bytes_left", "values_left")

    def __init__(self, bytes_left: int, values_left: int = 1 << 30) -> None:
        self.bytes_left = bytes_left
        self.values_left = values_left

    def take(self, size: int) -> None:
        """Use up bytes, and one value."""
        self.bytes_left -= size
        self.values_left -= 1

    @property
    def is_left(self) -> bool:
        """Whether there is room for anything."""
        return self.bytes_left > 0 and self.values_left > 0


def _v6(number: int, _: int) -> str:
    return f"2001:db8:ffff:ffff:ffff:ffff:{0x1000 + (number >> 12) % 0xE000:x}:{0x1000 + number % 4096:x}"


def _filled(head: str, unit: str, tail: str = "") -> Callable[[int, int], str]:
    """Give texts that end in their number, filled up to a length with a unit."""

    def make(number: int, length: int) -> str:
        end = f"{tail}{number:x}"
        return head + unit * max(0, (length - len(head) - len(end)) // len(unit)) + end

    return make


TEXTS: Final[dict[str, Callable[[int, int], str]]] = {
    "word": _filled("", "a"),
    "path": _filled("/srv", "/a", "/"),
    "dotted path": _filled("/srv", "/.a", "/"),
    "percent path": _filled("/srv", "/%", "/"),
    "odd path": _filled("/srv", "/\u200b", "/"),
    "url": _filled("https://a.example.org", "/a", "/"),
    "escaped url": _filled("https://a.example.org/a", "%C3", "/"),
    "long host": _filled("https://", "a.", "example.org/"),
    "v4": lambda number, _: f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
    "v6": _v6,
    "short v6": lambda number, _: f"2001:db8::{number & 0xFFFF | 1:x}",
    "decimal": lambda number, length: f"{'1' * min(max(length - 9, 1), 50)}.{number:06}5",
    "escaped": _filled("", "\\"),
    "control": _filled("", "\x01"),
    "wide": _filled("", "\U0001f600"),
    "foreign": _filled("", "\xe9"),
}

NUMBERS: Final[dict[str, Callable[[int], int | float]]] = {
    "small": lambda number: number % 64,
    "integer": lambda number: number,
    "great": lambda number: limits.SAFE_INTEGER - number,
    "half": lambda number: number + 0.5,
    "fraction": lambda number: 0.1234567890123456 + number / 7919,
    "micro": lambda number: (number + 1) * 1.000000000000123e-6,
    "tiny": lambda number: (number + 1) * 1.234567890123456e-300,
}

NAMES: Final[dict[str, Callable[[int], str]]] = {
    "plain": lambda number: f"n{number:04}",
    "long": lambda number: f"n{number:04}{'a' * 400}",
    "foreign": lambda number: f"\xe9{number:04}",
    "wide": lambda number: f"\U0001f600{number:04}",
}

VALUES: Final = {
    "text": (Word(tuple(TEXTS)), Whole(1, limits.ARGUMENT_BYTES)),
    "number": (Word(tuple(NUMBERS)),),
    "list": (Whole(0, limits.ARGUMENT_VALUES), Part("value")),
    "object": (Whole(0, limits.ARGUMENT_VALUES), Part("value"), Word(tuple(NAMES))),
    "null": (),
    "true": (),
}
"""The grammar of values."""


def value(recipe: Recipe, number: int, room: Room, depth: int = limits.VALUE_NESTING) -> Any:
    """Make a value, as JSON has it."""
    match recipe:
        case "text", pool, length:
            text = TEXTS[pool](number, min(length, max(room.bytes_left // _width(pool), 1)))
            room.take(len(text) * _width(pool) + 3)
            return text
        case "number", pool:
            room.take(8)
            return NUMBERS[pool](number)
        case "list", count, inner if depth > 0:
            room.take(2)
            return [value(inner, number * count + index, room, depth - 1) for index in _as_many(count, room)]
        case "object", count, inner, names if depth > 0:
            room.take(2)
            members = {}
            for index in _as_many(count, room):
                name = NAMES[names](index)
                room.bytes_left -= len(name.encode()) + 4
                members[name] = value(inner, number * count + index, room, depth - 1)
            return members
        case ["true"]:
            room.take(5)
            return True
        case _:
            room.take(5)
            return None


def _width(pool: str) -> int:
    """Give the bytes of JSON that a character of a pool may take."""
    return {"control": 6, "wide": 4, "escaped": 2, "foreign": 2, "odd path": 2}.get(pool, 1)


def _as_many(count: int, room: Room) -> Any:
    for index in range(count):
        if not room.is_left:
            return
        yield index
