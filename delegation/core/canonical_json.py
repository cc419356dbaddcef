"""RFC 8785 JSON of typed values: what a proof's digest of the arguments is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from delegation.errors import Reason, refusal

_ENCODE: Final = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode
_STRING: Final = json.encoder.encode_basestring
_CONSTANTS: Final = {True: "true", False: "false", None: "null"}


def canonical_json(value: Any, *, plain: bool = False) -> bytes:
    """Write a typed value.

    Args:
        value: a typed value, of `arguments.Value`.
        plain: True if all names are ASCII and no number is a fraction. Then Python's C encoder does it right: it orders
            names by code point instead of by UTF-16, and writes fractions as Python has them, not as ECMAScript.

    Raises:
        NotPermitted: ARGUMENTS_INVALID for a string that is not Unicode text.
    """
    with suppress(UnicodeEncodeError):  # not raised from: it holds the text
        if plain:
            return _ENCODE(value).encode()
        pieces: list[str] = []
        _write(value, pieces.append)
        return b"".join(map(str.encode, pieces))
    raise refusal(Reason.ARGUMENTS_INVALID, detail="a string is not Unicode text")


def _write(value: Any, add: Callable[[str], None]) -> None:
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


def _write_members(value: Mapping[str, Any], add: Callable[[str], None]) -> None:
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
