"""Plain values as TOML that can be read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from delegation.cli.untrusted_text import visible

_BMP_END: Final = 0x10000


def toml_lines(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Write a table: its values, then the tables in it, then the lists of tables."""
    tables = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    lists = {name: value for name, value in values.items() if _is_tables(value)}
    for name, value in values.items():
        if name not in tables and name not in lists:
            yield f"{_key(name)} = {_value(value)}"
    for name, table in tables.items():
        yield ""
        yield f"[{path}{_key(name)}]"
        yield from toml_lines(table, f"{path}{_key(name)}.")
    for name, entries in lists.items():
        for entry in entries:
            yield ""
            yield f"[[{path}{_key(name)}]]"
            yield from (f"{_key(each)} = {_value(value)}" for each, value in entry.items())


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _text(value: str) -> str:
    """Quote a basic string; what is not plainly seen is escaped, so that it does nothing to a terminal."""
    return '"' + "".join(map(_character, value)) + '"'


def _character(character: str) -> str:
    if character in {'"', "\\"}:
        return f"\\{character}"
    code = ord(character)
    if character == " " or visible(character) == character:
        return character
    return f"\\u{code:04x}" if code < _BMP_END else f"\\U{code:08x}"
