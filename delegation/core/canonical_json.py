"""RFC 8785 JSON of typed values: what a proof's digest of the arguments is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from delegation.core.arguments import Value

_STRING: Final = json.encoder.encode_basestring
_CONSTANTS: Final = {True: "true", False: "false", None: "null"}


def canonical_json(value: Value) -> str:
    """Write a typed value, also where Python's C encoder would not do it right.

    That orders names by code point instead of by UTF-16, and writes fractions as Python has them, not as ECMAScript.
    """
    pieces: list[str] = []
    _write(value, pieces.append)
    return "".join(pieces)


def _write(value: Value, add: Callable[[str], None]) -> None:
    """Add the pieces of a value: put together once, what that costs does not grow with the nesting."""
    if isinstance(value, str):
        add(_STRING(value))
    elif isinstance(value, Decimal):  # of the shortest digits, as `number` took them; below 0.000001 with an exponent
        add(str(value).replace("E", "e"))
    elif isinstance(value, dict):
        _write_members(value, add)
    elif isinstance(value, list):
        before = "["
        for member in value:
            add(before)
            _write(member, add)
            before = ","
        add("]" if value else "[]")
    else:
        add(_CONSTANTS[value] if value is None or isinstance(value, bool) else str(value))


def _write_members(value: Mapping[str, Value], add: Callable[[str], None]) -> None:
    before = "{"
    for name in sorted(value, key=_utf16):
        add(before)
        add(_STRING(name))
        add(":")
        _write(value[name], add)
        before = ","
    add("}" if value else "{}")


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")
