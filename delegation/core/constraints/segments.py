"""Patterns over the segments of a string: `orders.eu.*`, `/srv/*/reports/**`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import takewhile
from typing import Final, Self

from delegation.core.arguments import Value
from delegation.core.constraints.domains import Domain, segments_by
from delegation.core.constraints.family import Steps, typed
from delegation.core.constraints.paths import CONTROL, ESCAPE
from delegation.core.constraints.strings import check_string
from delegation.core.constraints.words import ROOM, in_words
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

DEFAULT_SEPARATOR: Final = "/"
SEPARATORS: Final = frozenset("/.:,;|#~-_@=+&! ")
ONE: Final = "*"
REST: Final = "**"


def segments_of(text: str, separator: str) -> list[str] | None:
    """Split a string that is in segments by a separator (SPEC section 5.1); None if it is not."""
    if "\\" in text or ("%" in text and re.search(ESCAPE, text)):
        return None
    if not text.isprintable() and re.search(CONTROL, text):
        return None
    pieces = text.split(separator)
    if separator == DEFAULT_SEPARATOR and "" in pieces[1:]:  # to a file system, nothing: the same path once more
        return None
    return None if "." in pieces or ".." in pieces else pieces


_READ: Final = {separator: partial(segments_of, separator=separator) for separator in SEPARATORS}


@typed
class SegmentGlob(NamedTuple):
    """Allows strings in segments that match a pattern, piece by piece.

    Attributes:
        pieces: of the pattern; `*` stands for one piece that is not empty, a last `**` for one or more.
        separator: one character.
    """

    pieces: tuple[str, ...]
    separator: str = DEFAULT_SEPARATOR

    @classmethod
    def of(cls, pattern: str, separator: str = DEFAULT_SEPARATOR) -> Self:
        """Take a pattern, checked.

        Raises:
            Malformed: FIELD_INVALID (S-18).
        """
        if separator not in SEPARATORS:
            raise refusal(Reason.FIELD_INVALID, detail="a separator of segments that is none")
        pieces = segments_of(check_string(pattern), separator)
        if not pattern or pieces is None:
            raise refusal(Reason.FIELD_INVALID, detail="a pattern that is not in segments")
        fixed = pieces[:-1] if pieces[-1] == REST else pieces
        if any(ONE in piece and piece != ONE for piece in fixed):
            raise refusal(Reason.FIELD_INVALID, detail="a piece of a pattern is *, a last **, or has no *")
        return cls(tuple(pieces), separator)

    @property
    def pattern(self) -> str:
        """The pattern as it is written."""
        return self.separator.join(self.pieces)

    @property
    def literal(self) -> tuple[str, ...]:
        """The pieces before the first `*` or `**`."""
        return tuple(takewhile(lambda piece: piece not in (ONE, REST), self.pieces))

    @property
    def domain(self) -> Domain:
        """Strings in segments by the separator."""
        return segments_by(self.separator)

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no string in segments by the separator."""
        if type(value) is not str:
            return None
        steps.take(6 + len(value) // 16)
        pieces = steps.once(_READ[self.separator], value)
        return None if pieces is None else self.matches(pieces)

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is such a string, and matches."""
        return self.verdict(value, steps) is True

    def matches(self, pieces: Sequence[str]) -> bool:
        """Tell whether the pieces of a string, or of another pattern, match those of the pattern.

        Another pattern's `*` and last `**` are pieces that are not empty, and so is what they stand for. Only its
        `**` is no one piece, which `covers` sees to.
        """
        pattern = self.pieces
        if pattern[-1] == REST:
            fixed = len(pattern) - 1
            if len(pieces) <= fixed or "" in pieces[fixed:]:
                return False
            pattern, pieces = pattern[:fixed], pieces[:fixed]
        return len(pieces) == len(pattern) and all(
            piece == wanted or (wanted == ONE and piece != "") for wanted, piece in zip(pattern, pieces, strict=True)
        )

    def describe(self, room: int = ROOM) -> str:
        """Show the pattern."""
        return f"a string like {in_words(self.pattern, room)}, in segments by {in_words(self.separator)}"
