"""Constraints on a string as such: how long it is, what it begins with."""

from __future__ import annotations

from typing import Final, Self

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.constraints.domains import LISTS, STRINGS, Domain
from delegation.core.constraints.family import STEP_CHARACTERS, Steps, typed
from delegation.core.constraints.words import ROOM, in_words
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

_LONGEST: Final = 2**32 - 1


def check_string(text: str) -> str:
    """Require a string of a constraint to be Unicode text within its limit.

    Raises:
        Malformed: FIELD_INVALID.
    """
    if not text.isascii():
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise refusal(Reason.FIELD_INVALID, detail="a string is not Unicode text") from None
    else:
        size = len(text)
    if size > limits.TEXT_BYTES:
        raise refusal(Reason.FIELD_INVALID, detail="a string is too long")
    return text


@typed
class Length(NamedTuple):
    """Allows strings of so many characters (code points) and lists of so many members, bounds included."""

    minimum: int
    maximum: int | None

    @classmethod
    def of(cls, minimum: int, maximum: int | None) -> Self:
        """Take bounds, checked.

        Raises:
            Malformed: FIELD_INVALID (S-12).
        """
        if not 0 <= minimum <= _LONGEST or not (maximum is None or minimum <= maximum <= _LONGEST):
            raise refusal(Reason.FIELD_INVALID, detail="bounds of a length with nothing between them")
        if minimum == 0 and maximum is None:
            raise refusal(Reason.FIELD_INVALID, detail="a length without a bound")
        return cls(minimum, maximum)

    @property
    def domain(self) -> Domain:
        """Strings and lists."""
        return STRINGS | LISTS

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is neither string nor list."""
        return self.allows(value, steps) if type(value) is str or type(value) is list else None

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is so long."""
        if type(value) is str:
            steps.take(len(value) // STEP_CHARACTERS)
        elif type(value) is not list:
            return False
        return self.minimum <= len(value) and (self.maximum is None or len(value) <= self.maximum)

    def describe(self, room: int = ROOM) -> str:  # noqa: ARG002 - the family's signature
        """Name the bounds."""
        if self.maximum is None:
            return f"a string or list of length {self.minimum} or more"
        if self.minimum == 0:
            return f"a string or list of length {self.maximum} or less"
        return f"a string or list of length {self.minimum} to {self.maximum}"


@typed
class Prefix(NamedTuple):
    """Allows the strings that begin with `text`, whatever follows: for paths take a sub-path."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Take a beginning, checked.

        Raises:
            Malformed: FIELD_INVALID (S-13).
        """
        if not text:
            raise refusal(Reason.FIELD_INVALID, detail="an empty prefix")
        return cls(check_string(text))

    @property
    def domain(self) -> Domain:
        """Strings."""
        return STRINGS

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no string."""
        return self.allows(value, steps) if type(value) is str else None

    def allows(self, value: Value, steps: Steps) -> bool:  # noqa: ARG002 - the family's signature
        """Tell whether it begins so."""
        return type(value) is str and value.startswith(self.text)

    def describe(self, room: int = ROOM) -> str:
        """Show the beginning."""
        return f"a string that begins with {in_words(self.text, room)}"
