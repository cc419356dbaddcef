"""Evolution: recipes are drawn, changed and crossed, and what costs most is kept, for every kind of input apart.

Nothing here knows what is made of recipes, or how its cost is measured.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

import worst_recipes
from measure import MeasurementFailedError
from worst_recipes import Grammar, Recipe, Sorts

TOTAL: Final = "total"

_GENERATION: Final = 40
_ROUNDS: Final = 3
_BEST: Final = 12
_ANEW: Final = 0.1
_CROSSED: Final = 0.3
_WITH_ITSELF: Final = 0.2
_OF_THE_BEST: Final = 0.7
"""Shares: of what is drawn anew, of what is crossed instead of changed, if so with another part of itself, and of what
descends from the very worst."""

_ELSEWHERE: Final = 0.05
"""Of two that cost the same where it is looked, the one that costs less elsewhere is better: it is tried sooner."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an input takes.

    Attributes:
        outcome: what came of it, in a word.
        parts_ms: milliseconds of processor time by part.
    """

    outcome: str
    parts_ms: Mapping[str, float]

    @property
    def total_ms(self) -> float:
        """All parts together."""
        return sum(self.parts_ms.values())

    def __str__(self) -> str:
        parts = ", ".join(f"{part} {ms:.1f}" for part, ms in self.parts_ms.items())
        return f"{self.total_ms:.2f} ms, {self.outcome} ({parts})"


class Subject(Protocol):
    """Something whose worst input is looked for.

    Attributes:
        grammar, sort: of its recipes.
        parts: what a generation may be chosen by besides the total, and the sorts of what is then varied, None for
            all: costs that add up are each looked at alone, too.
        beginnings: recipes to begin with.
    """

    grammar: Grammar
    sort: str
    parts: Mapping[str, Sorts]
    beginnings: Sequence[Recipe]

    def cost(self, recipe: Recipe, rounds: int) -> Cost:
        """Measure; the fastest of some rounds counts. Raises `MeasurementFailedError` for what cannot be made."""

    def kind(self, recipe: Recipe, focus: str) -> str:
        """Say what kind of input it is: the worst of each kind is kept."""


@dataclass(frozen=True, slots=True)
class Found:
    """A recipe, and what it costs."""

    recipe: Recipe
    cost: Cost

    def score(self, focus: str) -> float:
        """Tell how bad it is."""
        total = self.cost.total_ms
        part = total if focus == TOTAL else self.cost.parts_ms.get(focus, 0.0)
        return part - (total - part) * _ELSEWHERE


class Search:
    """One search.

    Args:
        subject: whose worst input is looked for.
        seed: of what is drawn. What is kept depends on the clock: two runs find different things.
        known: further recipes to begin with.
    """

    def __init__(self, subject: Subject, seed: str, known: Sequence[Recipe] = ()) -> None:
        self._subject = subject
        self._random = Random(seed)
        self.foci = (TOTAL, *subject.parts)
        self._kept: dict[str, dict[tuple[str, str], Found]] = {focus: {} for focus in self.foci}
        self.evaluations = self.generations = 0
        for recipe in (*subject.beginnings, *known):
            self._try(recipe)

    def run(self, seconds: float) -> None:
        """Search for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            focus = self._random.choice(self.foci)
            for _ in range(_GENERATION):
                if time.monotonic() < end:
                    self._try(self._next(focus))
            self.generations += 1

    def worst(self, focus: str = TOTAL) -> list[Found]:
        """Give what was kept for a focus, the worst first."""
        return sorted(self._kept[focus].values(), key=lambda found: -found.score(focus))

    def _next(self, focus: str) -> Recipe:
        subject, worst, random = self._subject, self.worst(focus), self._random
        if len(worst) < 2 or random.random() < _ANEW:
            return worst_recipes.draw(subject.grammar, subject.sort, random)
        one, within = self._chosen(worst), subject.parts.get(focus)
        if random.random() >= _CROSSED:
            return worst_recipes.changed(subject.grammar, subject.sort, one, random=random, within=within)
        other = one if random.random() < _WITH_ITSELF else self._chosen(self.worst(random.choice(self.foci)))
        return worst_recipes.crossed(subject.grammar, subject.sort, one, other, random=random, within=within)

    def _chosen(self, worst: list[Found]) -> Recipe:
        among = worst[:_BEST] if self._random.random() < _OF_THE_BEST else worst
        return self._random.choice(among).recipe

    def _try(self, recipe: Recipe) -> None:
        try:
            found = Found(recipe, self._subject.cost(recipe, 1))
            self.evaluations += 1
            if any(self._is_worse(found, focus) for focus in self.foci):
                found = Found(recipe, self._subject.cost(recipe, _ROUNDS))
        except MeasurementFailedError:
            return
        for focus in self.foci:
            if self._is_worse(found, focus):
                self._kept[focus][self._niche(found, focus)] = found

    def _is_worse(self, found: Found, focus: str) -> bool:
        before = self._kept[focus].get(self._niche(found, focus))
        return before is None or found.score(focus) > before.score(focus)

    def _niche(self, found: Found, focus: str) -> tuple[str, str]:
        return found.cost.outcome, self._subject.kind(found.recipe, focus)
