"""Writing entries into a catalogue file: only the lines that change; what else the operator wrote stays as it is.

What comes out is read again before it is written: it must say what was meant, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.errors import ConfigError
from delegation.server.catalogue_file import catalogue_of_text

_HEAD: Final = re.compile(r"\s*\[\[\s*tool\s*\]\]\s*(#.*)?")
_TABLE: Final = re.compile(r"\s*\[")
_BMP_END: Final = 0x10000

Pair = tuple[str, str]


def edited(text: str, entries: Iterable[CatalogueTool]) -> str:
    """Give a catalogue file's text with these entries in it: listed ones changed, new ones at its end.

    Args:
        text: the file's text.
        entries: what is to be said of these tools. Of listed ones effects, labels, local and manifest digest change.

    Raises:
        ConfigError: the text is no catalogue, or is written such that single lines of it cannot be changed.
    """
    listed = catalogue_of_text(text, "the catalogue")
    wanted = {(entry.audience, entry.tool): entry for entry in entries}
    lines = text.removesuffix("\n").split("\n") if text else []
    changed = [entry for pair, entry in wanted.items() if (old := listed.find(*pair)) and old != entry]
    for entry in changed:
        _change(lines, listed, entry)
    new = [entry for pair, entry in wanted.items() if listed.find(*pair) is None]
    for entry in new:
        lines += [*([""] if lines else []), *entry_lines(entry)]
    after = "\n".join(lines) + "\n" if lines else ""
    _require_says(after, listed, wanted)
    return after


def entry_lines(entry: CatalogueTool) -> Iterator[str]:
    """Write an entry."""
    yield "[[tool]]"
    yield f"audience = {_quoted(entry.audience)}"
    yield f"name = {_quoted(entry.tool)}"
    yield f"owner = {_quoted(entry.owner)}"
    yield _effects(entry)
    yield _labels(entry)
    if entry.manifest_digest:
        yield _pin(entry)


def write_catalogue(path: Path, text: str) -> None:
    """Write a catalogue file whole or not at all; it keeps its mode.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
            Path(name).chmod(mode)
            Path(name).replace(path.resolve())
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; check its permissions") from None


def _change(lines: list[str], listed: Catalogue, entry: CatalogueTool) -> None:
    place = next(at for at, old in enumerate(listed.tools) if (old.audience, old.tool) == (entry.audience, entry.tool))
    heads = [at for at, line in enumerate(lines) if _HEAD.fullmatch(line)]
    if len(heads) != len(listed.tools):
        raise _unchangeable(entry)
    old, start = listed.tools[place], heads[place]
    end = next((at for at in range(start + 1, len(lines)) if _TABLE.match(lines[at])), len(lines))
    if entry.effects != old.effects:
        end += _set(lines, start, end, "effects", _effects(entry))
    if entry.labels != old.labels:
        end += _set(lines, start, end, "labels", _labels(entry))
    if entry.local != old.local:
        end += _set(lines, start, end, "local", "local = false  # it does more than read what is public")
    if entry.manifest_digest != old.manifest_digest:
        _set(lines, start, end, "manifest_digest", _pin(entry))


def _set(lines: list[str], start: int, end: int, key: str, line: str) -> int:
    """Put a line in place of a key's, or after the last line of its table; give by how much the table grew."""
    at = next((at for at in range(start + 1, end) if re.match(rf"\s*{key}\s*=", lines[at])), None)
    if at is None:
        last = max(at for at in range(start, end) if lines[at].strip() and not lines[at].lstrip().startswith("#"))
        lines.insert(last + 1, line)
        return 1
    until = _value_end(lines, at, end)
    comment = _comment(lines[until - 1])
    lines[at:until] = [line if "#" in line or not comment else f"{line}  {comment}"]
    return 1 - (until - at)


def _comment(line: str) -> str:
    """Give the comment at the end of a line; what stands in quotes is none."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'", lambda quoted: "x" * len(quoted[0]), line)
    return line[bare.index("#") :].rstrip() if "#" in bare else ""


def _value_end(lines: list[str], at: int, end: int) -> int:
    """Give the line after a value, which may be a list over several lines."""
    for until in range(at + 1, end + 1):
        with contextlib.suppress(tomllib.TOMLDecodeError):
            tomllib.loads("\n".join(lines[at:until]))
            return until
    return at + 1


def _require_says(text: str, listed: Catalogue, wanted: Mapping[Pair, CatalogueTool]) -> None:
    after = catalogue_of_text(text, "the catalogue")
    meant = {(entry.audience, entry.tool): entry for entry in listed.tools} | dict(wanted)
    if {(entry.audience, entry.tool): entry for entry in after.tools} != meant:
        raise _unchangeable(next(iter(wanted.values())))


def _unchangeable(entry: CatalogueTool) -> ConfigError:
    return ConfigError(
        f"the catalogue is written such that the entry of {entry.tool!r} cannot be changed line by line: "
        "write each tool as [[tool]] with one key a line"
    )


def _effects(entry: CatalogueTool) -> str:
    return f"effects = [{', '.join(_quoted(effect) for effect in Effect if effect in entry.effects)}]"


def _labels(entry: CatalogueTool) -> str:
    return f"labels = [{', '.join(map(_quoted, sorted(entry.labels)))}]"


def _pin(entry: CatalogueTool) -> str:
    return f'manifest_digest = "{entry.manifest_digest.hex()}"'


def _quoted(text: str) -> str:
    """Write a TOML string; what is not plain ASCII is escaped."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(character: str) -> str:
    if character in {'"', "\\"}:
        return f"\\{character}"
    if character.isascii() and character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < _BMP_END else f"\\U{code:08x}"
