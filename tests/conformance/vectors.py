"""Reading proto/vectors: what another language's runner has to do, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

DIRECTORY: Final = Path(__file__).parents[2] / "proto" / "vectors"
FILES: Final = sorted(path for path in DIRECTORY.glob("*.json") if path.name != "schema.json")


def vectors() -> Iterator[dict[str, Any]]:
    """Give all vectors of all files."""
    for path in FILES:
        yield from json.loads(path.read_text())["vectors"]


def data(given: Any) -> bytes:
    """Give the bytes that a vector spells in one of the ways of the README."""
    match given:
        case str():
            return bytes.fromhex(given)
        case {"text": text, **rest} if not rest:
            return text.encode()
        case {"repeat": part, "times": times, **rest} if not rest:
            return data(part) * times
        case list():
            return b"".join(map(data, given))
    raise AssertionError("bytes spelled in an unknown way")


def differences(expected: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    """Say where an answer is not what a vector expects; every member of what is expected counts."""
    if "each" in expected:
        if len(expected["each"]) != len(answer.get("each", [])):
            return [f"{len(expected['each'])} answers expected, got {answer}"]
        pairs = zip(expected["each"], answer["each"], strict=True)
        return [f"part {index}: {line}" for index, pair in enumerate(pairs) for line in differences(*pair)]
    if expected.keys() != answer.keys():
        return [f"expected {expected}, got {answer}"]
    (outcome,) = expected
    pairs = ((name, wanted, answer[outcome].get(name)) for name, wanted in expected[outcome].items())
    return [
        f"{name}: expected {wanted}, got {given}" for name, wanted, given in pairs if not _fits(name, wanted, given)
    ]


def _fits(name: str, wanted: Any, given: Any) -> bool:
    if name == "reason" and isinstance(wanted, list):
        return given in wanted
    if name == "field":
        return isinstance(given, str) and given.startswith(wanted)
    return bool(wanted == given) and type(wanted) is type(given)
