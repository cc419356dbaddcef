"""What kinds of constraints speak of, in the words of SPEC section 5.3.

A domain is a set of such words. `part_of` relates two of them; it knows that integers are numbers, and that decimal
text, paths, URLs, addresses and segments are strings, and nothing else.
"""

from __future__ import annotations

from typing import Final

Domain = frozenset[str]

NOTHING: Final[Domain] = frozenset()
EVERY_VALUE: Final[Domain] = frozenset({"every value"})
NULL: Final[Domain] = frozenset({"null"})
BOOLEANS: Final[Domain] = frozenset({"booleans"})
INTEGERS: Final[Domain] = frozenset({"integers"})
NUMBERS: Final[Domain] = frozenset({"numbers"})
STRINGS: Final[Domain] = frozenset({"strings"})
LISTS: Final[Domain] = frozenset({"lists"})
OBJECTS: Final[Domain] = frozenset({"objects"})
DECIMAL_TEXT: Final[Domain] = frozenset({"decimal text"})
PATHS: Final[Domain] = frozenset({"strings in path normal form"})
URLS: Final[Domain] = frozenset({"strings in URL normal form"})
ADDRESSES: Final[Domain] = frozenset({"strings in address normal form"})

_SEGMENTS: Final = "strings in segments by "
_STRINGS: Final[Domain] = DECIMAL_TEXT | PATHS | URLS | ADDRESSES


def segments_by(separator: str) -> Domain:
    """Give the strings in segments by a separator."""
    return frozenset({_SEGMENTS + separator})


def part_of(inner: Domain, outer: Domain) -> bool:
    """Tell whether everything in a domain is in another; every value is part of nothing."""
    if inner == outer:
        return inner != EVERY_VALUE
    return inner != EVERY_VALUE and all(word in outer or _wider(word) in outer for word in inner)


def _wider(word: str) -> str:
    if word in _STRINGS or word.startswith(_SEGMENTS):
        return "strings"
    return "numbers" if word == "integers" else word
