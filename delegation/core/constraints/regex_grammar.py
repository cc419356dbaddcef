"""The regular expressions that are permitted: a strict part of RE2's language, and their weight (SPEC section 5.1).

The grammar is our own, so that an expression means the same to every implementation of RE2 and of this specification:
no flags, no classes by name, no anchors, no lazy repetition, one way to quote. Read with a stack, not by recursion.
"""

from __future__ import annotations

from typing import Final, NoReturn

from delegation.core import limits
from delegation.errors import Reason, refusal

_SETS: Final = frozenset("dws")
_QUOTED: Final = frozenset("\\^$.[]()|?*+{}-/")
_SPECIAL: Final = frozenset("\\^$.[]()|?*+{}")
_ONLY_IN_CLASS: Final = frozenset("(){}.*+?|$")
_REPEATED: Final = frozenset("*+?")
_DIGITS: Final = 3


def weight_of(expression: str) -> int:
    """Give the weight of an expression: its positions, with repetitions written out.

    Raises:
        Malformed: FIELD_INVALID for what is not in the grammar, or past 512 bytes or a weight of 256 (S-21).
    """
    try:
        size = len(expression.encode())
    except UnicodeEncodeError:
        _invalid("it is not Unicode text")
    if not 0 < size <= limits.REGEX_BYTES:
        _invalid("it is empty or too long")
    return _Reader(expression).regex()


def _invalid(why: str) -> NoReturn:
    raise refusal(Reason.FIELD_INVALID, detail=f"a regular expression that is not permitted: {why}")


class _Reader:
    """Reads one expression from its first to its last character.

    Attributes:
        at: where it reads.
        total: the weight of the group that is being read, up to here.
        atom: the weight of the atom just read, if it may be repeated; else 0.
        empty: True while the branch that is being read has no piece.
    """

    __slots__ = ("at", "atom", "empty", "text", "total")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.total = 0
        self.atom = 0
        self.empty = True

    def regex(self) -> int:
        """Read all of it."""
        outer: list[int] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            self.at += 1
            if character == "(":
                outer.append(self.total)
                self._begin(total=0)
            elif character == ")":
                self._close(outer)
            elif character == "|":
                self._require_piece()
                self._begin(total=self.total)
            elif character in _REPEATED:
                self._repeat(1)
            elif character == "{":
                self._repeat(self._times())
            else:
                self._atom(character)
            if self.total > limits.REGEX_WEIGHT:  # the weight of a part is never more than that of the whole
                _invalid("it is too heavy")
        self._require_piece()
        if outer:
            _invalid("a group does not end")
        return self.total

    def _begin(self, *, total: int) -> None:
        self.total, self.atom, self.empty = total, 0, True

    def _close(self, outer: list[int]) -> None:
        self._require_piece()
        if not outer:
            _invalid("a group ends that did not begin")
        self.atom, self.empty = self.total, False
        self.total += outer.pop()

    def _require_piece(self) -> None:
        if self.empty:
            _invalid("a branch is empty")

    def _atom(self, character: str) -> None:
        if character == "[":
            weight = self._class()
        elif character == "\\":
            self._escaped(sets=True)
            weight = 1
        elif character != "." and (character in _SPECIAL or _is_control(character)):
            _invalid(f"{character!a} has to be quoted")
        else:
            weight = 1
        self.total += weight
        self.atom, self.empty = weight, False

    def _repeat(self, times: int) -> None:
        if not self.atom:
            _invalid("nothing, or something repeated, is repeated")
        self.total += self.atom * (times - 1)
        self.atom = 0

    def _times(self) -> int:
        """Read what follows a brace; give how many times the atom counts."""
        low, high = self._number(), None
        if low is None:
            _invalid("a repetition without a number")
        if self._next(","):
            high = self._number()
            times = max(low, 1) if high is None else high
        else:
            times = low
        if not self._next("}") or times < 1 or times < low:
            _invalid("a repetition of an impossible number of times")
        return times

    def _number(self) -> int | None:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in "0123456789":
            self.at += 1
        digits = self.text[start : self.at]
        if len(digits) > _DIGITS or (digits[:1] == "0" and digits != "0"):
            _invalid("a number that is too long, or has leading zeros")
        return int(digits) if digits else None

    def _next(self, character: str) -> bool:
        if self.text[self.at : self.at + 1] != character:
            return False
        self.at += 1
        return True

    def _escaped(self, *, sets: bool) -> str | None:
        """Read what follows a backslash: a quoted character, or a set, for which it gives None."""
        character = self.text[self.at : self.at + 1]
        self.at += 1
        if character in _SETS and sets:
            return None
        if character not in _QUOTED:
            _invalid("an escape that is not known here")
        return character

    def _class(self) -> int:
        """Read a class to its bracket; give its weight: its sets, characters and ranges."""
        weight = 0
        self._next("^")
        if self._next("]"):
            _invalid("a class is empty")
        while not self._next("]"):
            weight += 1
            first = self._member(sets=True)
            if first is not None and self._next("-"):
                last = self._member(sets=False)
                if last is None or last < first:
                    _invalid("a range of characters that is empty")
        return weight

    def _member(self, *, sets: bool) -> str | None:
        """Read one character of a class, or a set, for which it gives None."""
        character = self.text[self.at : self.at + 1]
        self.at += 1
        if character == "\\":
            return self._escaped(sets=sets)
        if not character:
            _invalid("a class does not end")
        if character == "-" or _is_control(character) or (character in _SPECIAL and character not in _ONLY_IN_CLASS):
            _invalid(f"{character!a} has to be quoted in a class")
        return character


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"
