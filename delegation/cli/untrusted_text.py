"""Text that somebody else chose, made safe for a terminal.

Purposes, agent ids, constraints and details come from parties that may be hostile: an escape sequence in
one could repaint what was printed before, a bidirectional override could turn it round, and a zero-width
character could make two different ids look the same.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters by category, blank to the eye.
_BLANK: Final = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_LATIN_END: Final = 0x100
_BMP_END: Final = 0x10000


def visible(text: str, *, limit: int | None = None) -> str:
    r"""Write every character that is not plainly seen as its escape, `\x1b` or `\u202e`.

    Args:
        text: Anything.
        limit: Characters of the result at most; what is cut off is marked by "…".
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_visible_character, text))
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def _visible_character(character: str) -> str:
    if character not in _BLANK and unicodedata.category(character) not in _UNSEEN:
        return character if character == " " or unicodedata.category(character) != "Zs" else _escape(character)
    return _escape(character)


def _escape(character: str) -> str:
    code = ord(character)
    if code < _LATIN_END:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _BMP_END else f"\\U{code:08x}"
