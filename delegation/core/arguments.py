"""The arguments of a call as typed values, as canonical JSON (RFC 8785) and as a digest.

A value is None, bool, int (within ±(2^53-1)), str, Decimal (a number that is no integer), list or
dict. A JSON number is the number its RFC 8785 text denotes: 1.0 is the integer 1.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, NoReturn

from delegation.core import limits
from delegation.core.canonical_json import canonical_json
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

Value = None | bool | int | str | Decimal | list[Any] | dict[str, Any]

_LOWEST, _HIGHEST = -limits.SAFE_INTEGER, limits.SAFE_INTEGER
_PLAIN: Final = 1e-6
"""Below this, RFC 8785 writes a number with an exponent."""


def _invalid(detail: str) -> NoReturn:
    raise refusal(Reason.ARGUMENTS_INVALID, detail=detail)


class Arguments(NamedTuple):
    """A call's arguments. Make them with `of` or `parse`; values never show in `repr`.

    Attributes:
        values: the typed values by name.
        canonical: their RFC 8785 JSON.
        digest: SHA-256 of `canonical`, 32 bytes; what a proof is signed over.
    """

    values: Mapping[str, Value]
    canonical: bytes
    digest: bytes

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Arguments:
        """Take JSON-like Python values.

        Raises:
            NotPermitted: ARGUMENTS_INVALID for what is not JSON, ARGUMENTS_TOO_LARGE past 1 MiB or 4,096 values.
        """
        if type(values) is not dict and not isinstance(values, Mapping):
            _invalid("not named values")
        typed, canonical = _flat(values) or _nested(values)
        if len(canonical) > limits.ARGUMENT_BYTES:
            raise refusal(Reason.ARGUMENTS_TOO_LARGE)
        return cls(typed, canonical, hashlib.sha256(canonical).digest())

    @classmethod
    def parse(cls, canonical: bytes) -> Arguments:
        """Read RFC 8785 JSON; anything that is not exactly canonical is refused.

        Raises:
            NotPermitted: ARGUMENTS_INVALID or ARGUMENTS_TOO_LARGE.
        """
        if len(canonical) > limits.ARGUMENT_BYTES:
            raise refusal(Reason.ARGUMENTS_TOO_LARGE)
        if canonical.count(b",") > limits.ARGUMENT_VALUES and _values_at_least(canonical) > limits.ARGUMENT_VALUES:
            raise refusal(Reason.ARGUMENTS_TOO_LARGE)
        values = None
        with suppress(ValueError, RecursionError):  # not raised from: it holds the text
            values = json.loads(canonical.decode())
        if not isinstance(values, dict):
            _invalid("not a JSON object")
        arguments = cls.of(values)
        if arguments.canonical != canonical:
            _invalid("not canonical JSON (RFC 8785)")
        return arguments

    def __repr__(self) -> str:
        return f"Arguments({len(self.values)} values)"


def _values_at_least(canonical: bytes) -> int:
    """Tell how many values a JSON text has at least, without making them."""
    bare = canonical.replace(rb"\\", b"").replace(rb"\"", b"")
    strings = bare.count(b'"') // 2
    if strings > 2 * limits.ARGUMENT_VALUES:  # each is a value, or the name of one
        return strings // 2
    return b"".join(bare.split(b'"')[::2]).count(b",")


def _flat(values: Mapping[str, Any]) -> tuple[dict[str, Value], bytes] | None:
    """Take the common case fast: ASCII names with strings, safe integers, booleans, null."""
    typed = dict(values)
    if len(typed) > limits.ARGUMENT_VALUES:
        raise refusal(Reason.ARGUMENTS_TOO_LARGE)
    for name, value in typed.items():
        kind = type(value)
        if kind is int:
            if not _LOWEST <= value <= _HIGHEST:
                return None
        elif kind is not str and kind is not bool and value is not None:
            return None
        if type(name) is not str or not name.isascii():
            return None
    return typed, canonical_json(typed, plain=True)


def _nested(values: Mapping[str, Any]) -> tuple[dict[str, Value], bytes]:
    """Take anything JSON can say."""
    reader = _Reader()
    typed = reader.members(values, limits.VALUE_NESTING)
    return typed, canonical_json(typed, plain=reader.plain)


class _Reader:
    """Reads nested values, counting them.

    Attributes:
        left: how many more values there may be.
        plain: True while there are only ASCII names and no fractions: then the C encoder's JSON is canonical.
    """

    __slots__ = ("left", "plain")

    def __init__(self) -> None:
        self.left = limits.ARGUMENT_VALUES
        self.plain = True

    def members(self, values: Mapping[str, Any], depth: int) -> dict[str, Value]:
        self._spend(len(values))
        for name in values:
            if type(name) is not str:
                _invalid("a name is not a string")
            if not name.isascii():
                self.plain = False
        return {name: self.value(value, depth) for name, value in values.items()}

    def value(self, value: Any, depth: int) -> Value:
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value  # type: ignore[no-any-return]
        if kind is int:
            return _safe(value)
        if kind is float:
            if -_PLAIN < value < _PLAIN and value:
                self._spend(limits.EXPONENT_VALUES - 1)
            exact = number(value)
            self.plain = self.plain and type(exact) is int
            return exact
        if depth == 0:
            _invalid("nested too deep")
        if kind is list:
            self._spend(len(value))
            return [self.value(member, depth - 1) for member in value]
        if kind is dict:
            return self.members(value, depth - 1)
        _invalid(f"a value of type {kind.__name__} is not JSON; use str, int, float, bool, list or dict")

    def _spend(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise refusal(Reason.ARGUMENTS_TOO_LARGE)


def _safe(value: int) -> int:
    if not _LOWEST <= value <= _HIGHEST:
        _invalid("an integer outside ±(2^53-1)")
    return value


def number(value: float) -> int | Decimal:
    """Give the exact number that a float's RFC 8785 text denotes.

    Raises:
        NotPermitted: ARGUMENTS_INVALID for NaN, infinities and integers outside ±(2^53-1).
    """
    if not math.isfinite(value):
        _invalid("a number that is not finite")
    if value.is_integer():
        return _safe(int(value))
    return Decimal(repr(value))
