"""What the search has found: recipes of the worst inputs, for benchmarks to make and time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from worst_evolution import Found
from worst_recipes import Recipe

_FILE: Final = Path(__file__).with_name("worst_found.json")
_PERMITTED: Final = "permitted"


def found() -> list[dict[str, Any]]:
    """Give all of them: `subject`, `outcome` and `ms` when it was found, `recipe`."""
    return json.loads(_FILE.read_text(encoding="utf-8")) if _FILE.exists() else []


def recipes(subject: str) -> list[Recipe]:
    """Give the recipes of one subject."""
    return [each["recipe"] for each in found() if each["subject"] == subject]


def keep(subject: str, worst_first: Sequence[Found]) -> None:
    """Replace what is known of a subject: the worst that is refused, and the worst that is permitted."""
    kept = [each for each in found() if each["subject"] != subject]
    for permitted in (False, True):
        of_kind = [each for each in worst_first if (each.cost.outcome == _PERMITTED) is permitted]
        for worst in of_kind[:1]:
            cost = worst.cost
            row = {"subject": subject, "outcome": cost.outcome, "ms": round(cost.total_ms, 1), "recipe": worst.recipe}
            kept.append(row)
    lines = ",\n".join(json.dumps(each) for each in sorted(kept, key=lambda each: each["subject"]))
    _FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
