"""What the search has found: recipes of the worst inputs, for benchmarks to make and time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from worst_evolution import Found
from worst_recipes import Recipe

_FILE: Final = Path(__file__).with_name("worst_found.json")


@dataclass(frozen=True, slots=True)
class Kept:
    """A recipe that was found.

    Attributes:
        subject: whose worst input it is (`worst_subjects`).
        focus: by which part of the cost it is the worst, or by their total.
        recipe: how to make it.
        found: what it cost when it was found, for people.
    """

    subject: str
    focus: str
    recipe: Recipe
    found: str


def kept() -> list[Kept]:
    """Give all of them."""
    if not _FILE.exists():
        return []
    return [Kept(**each) for each in json.loads(_FILE.read_text(encoding="utf-8"))]


def recipes(subject: str) -> list[Recipe]:
    """Give the recipes of one subject."""
    return [each.recipe for each in kept() if each.subject == subject]


def keep(subject: str, worst: Mapping[str, Found]) -> None:
    """Replace what is known of a subject by the worst for each focus."""
    others = [each for each in kept() if each.subject != subject]
    new = [Kept(subject, focus, found.recipe, str(found.cost)) for focus, found in worst.items()]
    lines = [json.dumps(asdict(each)) for each in sorted([*others, *new], key=lambda each: (each.subject, each.focus))]
    _FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
