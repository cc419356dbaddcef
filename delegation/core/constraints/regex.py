"""Regular expressions, matched by RE2: in linear time whatever is asked, and counted in steps."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Self

from delegation.core.arguments import Value
from delegation.core.constraints.domains import STRINGS, Domain
from delegation.core.constraints.family import STEP_CHARACTERS, Steps, typed
from delegation.core.constraints.words import ROOM, in_words
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

MAX_MEM: Final = 1 << 20
"""Bytes that RE2 may use for one expression: every one that is permitted compiles within them, which a test shows."""

_COMPILED: Final = 32
"""Expressions that are kept compiled; each may come to hold MAX_MEM while it matches."""


@typed
class Regex(NamedTuple):
    """Allows strings that an expression matches from the first to the last character; make it with `of`.

    Attributes:
        expression: in the grammar of SPEC section 5.1.
        weight: what it weighs there.
    """

    expression: str
    weight: int

    @classmethod
    def of(cls, expression: str) -> Self:
        """Take an expression, checked.

        Raises:
            Malformed: CONSTRAINT_UNSUPPORTED without RE2 (S-9); FIELD_INVALID (S-21).
        """
        from delegation.core.constraints.regex_grammar import weight_of  # most tools never see a regular expression

        _re2()
        return cls(expression, weight_of(expression))

    @property
    def domain(self) -> Domain:
        """Strings."""
        return STRINGS

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no string."""
        return self.allows(value, steps) if type(value) is str else None

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it matches.

        Raises:
            NotPermitted: ARGUMENTS_INVALID for a string that is not Unicode text; EVALUATION_EXHAUSTED.
        """
        if type(value) is not str:
            return False
        text = _utf8(value)
        if text is None:
            raise refusal(Reason.ARGUMENTS_INVALID, detail="a string is not Unicode text")
        steps.take(8 + self.weight * (2 + len(text) // STEP_CHARACTERS))
        return _compiled(self.expression).fullmatch(text) is not None

    def describe(self, room: int = ROOM) -> str:
        """Show the expression."""
        return f"a string that matches {in_words(self.expression, room)}"


def _utf8(text: str) -> bytes | None:
    """Encode a string; the exception would hold it, so nobody may raise another one from there."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def _re2() -> Any:
    try:
        import re2  # the extra `regex`, when the first expression is met
    except ImportError:
        detail = "regular expressions need RE2: pip install 'delegation-chain[regex]'"
        raise refusal(Reason.CONSTRAINT_UNSUPPORTED, detail=detail) from None
    return re2


@lru_cache(maxsize=_COMPILED)
def _compiled(expression: str) -> Any:
    """Compile an expression at its first match. What is in the grammar and light enough always compiles."""
    re2 = _re2()
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = MAX_MEM
    expressions = type(re2.compile(b""))  # by the class itself: `compile` would keep 128 more
    try:
        return expressions(expression.encode(), options)
    except re2.error:
        raise refusal(Reason.INTERNAL, detail="RE2 does not take a regular expression that is permitted") from None
