"""Plain values as TOML that can be read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from delegation.cli.untrusted_text import visible

_BMP_END: Final = 0x10000


Place = tuple[int | str, ...]


def toml_lines(
    values: Mapping[str, Any], place: Place = (), *, origin: Callable[[Place], str] | None = None
) -> Iterator[str]:
    """Write a table: its values, then the tables in it, then the lists of tables.

    Args:
        values: the table.
        place: where it stands.
        origin: says of a value at a place where it came from, which is then written beside it.
    """
    path = "".join(f"{_key(str(name))}." for name in place)
    tables = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    lists = {name: value for name, value in values.items() if _is_tables(value)}
    for name, value in values.items():
        if name not in tables and name not in lists:
            yield _line(name, value, (*place, name), origin)
    for name, table in tables.items():
        yield ""
        yield f"[{path}{_key(name)}]"
        yield from toml_lines(table, (*place, name), origin=origin)
    for name, entries in lists.items():
        for index, entry in enumerate(entries):
            yield ""
            yield f"[[{path}{_key(name)}]]"
            for each, value in entry.items():
                yield _line(each, value, (*place, name, index, each), origin)


def leaves(values: Mapping[str, Any], place: Place = ()) -> Iterator[Place]:
    """Name the place of each value that is no table; a list counts as one value."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*place, name))
        else:
            yield (*place, name)


def _line(name: str, value: Any, place: Place, origin: Callable[[Place], str] | None) -> str:
    line = f"{_key(name)} = {_value(value)}"
    return line if origin is None else f"{line}  # {''.join(map(_character, origin(place)))}"


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
