"""One vector: what is asked, and what SPEC says the answer is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

DIRECTORY: Final = Path(__file__).parents[3] / "proto" / "vectors"
_SPEC: Final = (DIRECTORY.parent / "SPEC.md").read_text()
LAYERS: Final = dict(re.findall(r"^\| \d+ \| `(\w+)` \| (\w+) \|$", _SPEC, flags=re.MULTILINE))
"""The layer of each reason, from SPEC section 12."""

Data = str | Mapping[str, Any] | Sequence[Any]


class Vector(NamedTuple):
    """A vector as it stands in a file; see proto/vectors/README.md."""

    id: str
    kind: str
    says: str
    spec: tuple[str, ...]
    input: Mapping[str, Any]
    expect: Mapping[str, Any]
    requires: tuple[str, ...] = ()


class Area(NamedTuple):
    """The vectors of one file."""

    name: str
    says: str
    vectors: Sequence[Vector]

    def text(self) -> str:
        """Give the file."""
        made = [_plain(vector) for vector in self.vectors]
        head = {"format": 1, "area": self.name, "says": self.says}
        lines = ",\n".join("    " + json.dumps(vector) for vector in made)
        return json.dumps(head)[:-1] + ', "vectors": [\n' + lines + "\n]}\n"

    @property
    def path(self) -> Path:
        """Give where it is stored."""
        return DIRECTORY / f"{self.name}.json"


def _plain(vector: Vector) -> dict[str, Any]:
    made = vector._asdict()
    requires = made.pop("requires")
    made["id"] = vector.id.replace("_", "-")
    if requires:
        made["requires"] = list(requires)
    return made


def accepted(**outputs: Any) -> dict[str, Any]:
    """Expect acceptance, with these outputs; bytes are given as hex."""
    return {"accepted": {name: hexed(value) for name, value in outputs.items()}}


def refused(reason: str | Sequence[str], **where: Any) -> dict[str, Any]:
    """Expect a refusal; `link` is the index of the link at fault, None if there must be none."""
    first = reason if isinstance(reason, str) else reason[0]
    given = reason if isinstance(reason, str) else list(reason)
    return {"refused": {"reason": given, "layer": LAYERS[first], **where}}


NOT_CANONICAL: Final = ("not_canonical", "malformed")
"""Which of the two is not normative (C-10)."""


def hexed(value: Any) -> Any:
    """Give bytes inside of a value as hex."""
    match value:
        case bytes():
            return value.hex()
        case Mapping():
            return {name: hexed(member) for name, member in value.items()}
        case list() | tuple():
            return [hexed(member) for member in value]
        case _:
            return value


def text(content: str) -> dict[str, Any]:
    """Give bytes as the text whose UTF-8 they are."""
    return {"text": content}


def repeated(part: Data, times: int) -> dict[str, Any]:
    """Give bytes as a part and how often it is repeated."""
    return {"repeat": part, "times": times}


def packed(data: bytes, *, longest: int = 4096) -> Data:
    """Give bytes as hex, with long runs of one byte as a repetition if they are many."""
    if len(data) <= longest:
        return data.hex()
    parts: list[Data] = []
    position = 0
    for run in re.finditer(rb"(.)\1{63,}", data, flags=re.DOTALL):
        if run.start() > position:
            parts.append(data[position : run.start()].hex())
        parts.append(repeated(run[1].hex(), len(run[0])))
        position = run.end()
    if position < len(data):
        parts.append(data[position:].hex())
    return parts if len(parts) > 1 else parts[0]
