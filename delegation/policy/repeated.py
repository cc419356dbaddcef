"""Two forms that Cedar writes out by repeating what stands before them.

`x has a.b` is `x has a && x.a has b`, and `x is T in y` is `x is T && x in y`. Of long paths, or of such forms within
one another, a rule of some hundred bytes takes all memory there is, before any limit of the engine is asked. So `has`
and `is` are taken after plain names alone, and paths are short: nothing that rules see lies deeper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

PATH: Final = 8
"""Fields that one `has` asks for."""

_BEFORE: Final = frozenset({"(", "{", "[", ",", ":", "&", "|", "!", "if", "then", "else"})
"""After what an operand begins. What binds more tightly, such as `+`, would belong to what is repeated."""


def repeats_too_much(tokens: Sequence[str]) -> str:
    """Tell why a rule of these tokens would grow when it is read; empty: it does not."""
    for index, token in enumerate(tokens):
        if token in {"has", "is"} and not _after_a_name(tokens, index):
            return f"`{token}` comes after a plain name, such as `context.arguments`"
        if token == "has" and _path(tokens, index + 1) > PATH:
            return f"`has` asks for at most {PATH} fields in a row"
    return ""


def _after_a_name(tokens: Sequence[str], index: int) -> bool:
    """Tell whether what stands before a token is a name, or names with dots between them, and nothing else."""
    first = index - 1
    while first > 0 and _is_name(tokens[first]) and tokens[first - 1] == ".":
        first -= 2
    return first > 0 and _is_name(tokens[first]) and tokens[first - 1] in _BEFORE


def _path(tokens: Sequence[str], first: int) -> int:
    """Count names with dots between them."""
    count = 1
    while tokens[first + 1 : first + 2] == ["."]:
        count, first = count + 1, first + 2
    return count


def _is_name(token: str) -> bool:
    return token.isascii() and token.isidentifier()
