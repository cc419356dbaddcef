"""Recipes: small trees that say how to make a large input, and how to vary them at random.

A recipe is a list of a name and its parameters: `["any_of", 64, ["cidr", "v6", "miss"], ["cidr", "v6", "hit"]]`. A
grammar says for each sort of recipe which names there are, and what each parameter may be. Nothing here knows what is
made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

Recipe = list[Any]

_DEEPEST: Final = 6
"""Deeper, only what has no parts itself is drawn, so that drawing ends."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A parameter that is a number from `low` to `high`, drawn by order of magnitude, and often one of the ends."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Word:
    """A parameter that is one of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A parameter that is itself a recipe of some sort."""

    sort: str


Parameter = Whole | Word | Part
Grammar = Mapping[str, Mapping[str, tuple[Parameter, ...]]]
Sorts = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a parameter stands: in which recipe, of which sort, at which index, what may stand there, and how deep."""

    sort: str
    recipe: Recipe
    index: int
    may_be: Parameter
    depth: int

    @property
    def now(self) -> Any:
        return self.recipe[self.index]


def draw(grammar: Grammar, sort: str, random: Random, depth: int = 0) -> Recipe:
    """Draw a recipe of a sort."""
    names = list(grammar[sort])
    if depth >= _DEEPEST:
        names = [n for n in names if not any(isinstance(p, Part) for p in grammar[sort][n])] or names
    name = random.choice(names)
    return [name, *(_drawn(grammar, parameter, random, depth + 1) for parameter in grammar[sort][name])]


def _drawn(grammar: Grammar, parameter: Parameter, random: Random, depth: int) -> Any:
    match parameter:
        case Whole(low, high):
            end = random.random()
            if end < 0.3:
                return high
            scale = math.log(high - low + 1)
            return low if end > 0.9 else low + round(math.exp(random.uniform(0, scale)) - 1)
        case Word(words):
            return random.choice(words)
        case Part(sort):
            return draw(grammar, sort, random, depth)


def changed(grammar: Grammar, sort: str, recipe: Recipe, *, random: Random, within: Sorts = None) -> Recipe:
    """Give a recipe with one to three parameters changed.

    Args:
        grammar: of the recipe.
        sort: of the recipe.
        recipe: what is changed.
        random: chance.
        within: the sorts of the parts whose parameters may change; None: all.
    """
    new = copied(recipe)
    for _ in range(random.choice((1, 1, 2, 3))):
        places = [place for place in _places(grammar, sort, new) if within is None or place.sort in within]
        if not places:
            return draw(grammar, sort, random)
        _change(grammar, random.choice(places), random)
    return new


def crossed(grammar: Grammar, sort: str, one: Recipe, other: Recipe, *, random: Random, within: Sorts = None) -> Recipe:
    """Give one recipe with a part of another in place of a part of the same sort; as `changed` if there is none."""
    new = copied(one)
    places = [place for place in _places(grammar, sort, new) if isinstance(place.may_be, Part)]
    given = [place for place in _places(grammar, sort, other) if isinstance(place.may_be, Part)]
    random.shuffle(places)
    for place in places:
        if within is not None and place.sort not in within:
            continue
        if fitting := [donor.now for donor in given if donor.may_be == place.may_be and donor.now != place.now]:
            place.recipe[place.index] = copied(random.choice(fitting))
            return new
    return changed(grammar, sort, one, random=random, within=within)


def copied(recipe: Recipe) -> Recipe:
    """Give a recipe that shares nothing with another."""
    return [copied(part) if isinstance(part, list) else part for part in recipe]


def _places(grammar: Grammar, sort: str, recipe: Recipe, depth: int = 1) -> Iterator[_Place]:
    for index, parameter in enumerate(grammar[sort][recipe[0]], 1):
        yield _Place(sort, recipe, index, parameter, depth)
        if isinstance(parameter, Part):
            yield from _places(grammar, parameter.sort, recipe[index], depth + 1)


def _change(grammar: Grammar, place: _Place, random: Random) -> None:
    parameter, now = place.may_be, place.now
    new = _drawn(grammar, parameter, random, place.depth)
    if isinstance(parameter, Whole):
        near = (now * 2, now // 2, now + 1, now - 1, parameter.high, parameter.low, new)
        new = min(max(random.choice(near), parameter.low), parameter.high)
    elif isinstance(parameter, Part):
        new = _regrown(grammar, parameter.sort, now, new, random)
    place.recipe[place.index] = new


def _regrown(grammar: Grammar, sort: str, now: Recipe, new: Recipe, random: Random) -> Recipe:
    """Give another recipe, one that has the present one as a part, or a part of the present one."""
    how = random.random()
    if how < 0.3:
        around = [p for p in _places(grammar, sort, new) if p.may_be == Part(sort)]
        if around:
            place = random.choice(around)
            place.recipe[place.index] = copied(now)
        return new
    if how < 0.5:
        inside = [p.now for p in _places(grammar, sort, now) if p.may_be == Part(sort)]
        return random.choice(inside) if inside else new
    return new
