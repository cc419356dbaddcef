"""From values that were sent to the tightest constraint that a person would still write.

Few values are listed. Many are a directory, a place, a range of numbers, a common beginning: whatever they share. Each
value is asked again in the end (`trial`), so what is wrong here cannot make a scope too narrow unnoticed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.canonical_json import canonical_json
from delegation.core.constraints import (
    Argument,
    Constraint,
    Fields,
    Steps,
    any_of,
    anything,
    between,
    decimal_text,
    each,
    exactly,
    length,
    one_of,
    starting_with,
    subset_of,
    under,
    url,
)
from delegation.core.constraints.decimals import format_decimal, number_of_text
from delegation.core.constraints.urls import parts_of
from delegation.core.names import is_name
from delegation.errors import Refused

_DEEPEST: Final = 6
"""Objects in objects that are looked into; what is deeper may be anything of its type."""
_FEW_NUMBERS: Final = 2
"""Numbers are mostly amounts: from so many on a range is meant."""
_SHORTEST_BEGINNING: Final = 3
"""A common beginning of fewer characters is a coincidence."""


@dataclass(frozen=True, slots=True)
class Generaliser:
    """Makes constraints.

    Attributes:
        few: how many different strings are still listed one by one.
    """

    few: int

    def arguments(self, calls: Sequence[Mapping[str, Value]]) -> dict[str, Argument] | None:
        """Give the arguments of a capability that permits all of these; None: too many to name, or no names."""
        return self._named(calls, _DEEPEST)

    def constraint(self, values: Iterable[Value], depth: int = _DEEPEST) -> Constraint:
        """Give a constraint that allows all of these values."""
        try:
            return self._of_types(_distinct(values), depth)
        except Refused:  # what a constraint cannot hold: a string too long, an object too deep
            return anything()

    def _named(self, objects: Sequence[Mapping[str, Value]], depth: int) -> dict[str, Argument] | None:
        names = sorted(set(chain.from_iterable(objects)))
        if len(names) > limits.ARGUMENTS or not all(map(is_name, names)):
            return None
        arguments: dict[str, Argument] = {}
        for name in names:
            values = [values[name] for values in objects if name in values]
            arguments[name] = Argument(self.constraint(values, depth), optional=len(values) < len(objects))
        return arguments

    def _of_types(self, values: Sequence[Any], depth: int) -> Constraint:
        if len(values) == 1 and not isinstance(values[0], list | dict):
            return exactly(values[0])
        kinds: tuple[tuple[Callable[[Any], bool], Callable[[Sequence[Any]], Constraint]], ...] = (
            (lambda value: value is None or isinstance(value, bool), lambda found: one_of(*found)),
            (_is_number, self._numbers),
            (lambda value: isinstance(value, str), self._strings),
            (lambda value: isinstance(value, list), lambda found: self._lists(found, depth)),
            (lambda value: isinstance(value, dict), lambda found: self._objects(found, depth)),
        )
        parts = [make(found) for is_one, make in kinds if (found := [value for value in values if is_one(value)])]
        return parts[0] if len(parts) == 1 else any_of(*parts)

    def _numbers(self, values: Sequence[int | Decimal]) -> Constraint:
        if len(values) <= min(self.few, _FEW_NUMBERS):
            return one_of(*values)
        low, high = min(values), max(values)
        if all(type(value) is int for value in values):
            return between(int(low), int(high))
        return between(format_decimal(low), format_decimal(high))

    def _strings(self, values: Sequence[str]) -> Constraint:
        if len(values) <= self.few:
            return one_of(*values)
        return _directory(values) or _place(values) or _amounts(values) or _beginning(values) or _lengths(values)

    def _lists(self, values: Sequence[list[Any]], depth: int) -> Constraint:
        members = _distinct(chain.from_iterable(values))
        if not members:
            return exactly([])
        if depth == 0:
            return each(anything())
        if len(members) <= self.few and not any(isinstance(member, list | dict) for member in members):
            return subset_of(*members)
        return each(self.constraint(members, depth - 1))

    def _objects(self, values: Sequence[Mapping[str, Value]], depth: int) -> Constraint:
        named = self._named(values, depth - 1) if depth else None
        return anything() if named is None else Fields(named)


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | Decimal)


def _distinct(values: Iterable[Value]) -> list[Value]:
    """Give each value once, in an order that the values alone decide."""
    by_text = {canonical_json({"": value}): value for value in values}
    return [by_text[text] for text in sorted(by_text)]


def _directory(values: Sequence[str]) -> Constraint | None:
    """Give the deepest directory that all paths lie in; not the root of all."""
    if not all(value.startswith("/") for value in values):
        return None
    root = os.path.commonpath(values)
    return _if_all(values, lambda: under(root)) if root != "/" else None


def _place(values: Sequence[str]) -> Constraint | None:
    """Give the deepest place that all URLs lie at or below."""
    parts = [parts_of(value.partition("?")[0]) for value in values]
    known = [part for part in parts if part is not None]
    if len(known) < len(values) or len({part[:3] for part in known}) > 1:
        return None
    path = os.path.commonpath([part.path for part in known])
    port = "" if known[0].port is None else f":{known[0].port}"
    place = f"{known[0].scheme}://{known[0].host}{port}{path if path != '/' else ''}"
    return _if_all(values, lambda: url(place))


def _amounts(values: Sequence[str]) -> Constraint | None:
    numbers = [number for value in values if (number := number_of_text(value)) is not None]
    if len(numbers) < len(values):
        return None
    low, high = format_decimal(min(numbers)), format_decimal(max(numbers))
    return _if_all(values, lambda: decimal_text(between(low, high)))


def _beginning(values: Sequence[str]) -> Constraint | None:
    first, last = min(values), max(values)  # what these two share, all between them do
    pairs = zip(first, last, strict=False)
    beginning = first[: next((at for at, (one, other) in enumerate(pairs) if one != other), len(first))]
    if len(beginning) < _SHORTEST_BEGINNING:
        return None
    return _if_all(values, lambda: starting_with(beginning))


def _lengths(values: Sequence[str]) -> Constraint:
    sizes = [len(value) for value in values]
    return length(at_least=min(sizes), at_most=max(sizes))


def _if_all(values: Sequence[str], make: Callable[[], Constraint]) -> Constraint | None:
    """Give a constraint if it can be made and allows all of these."""
    try:
        constraint = make()
        return constraint if all(constraint.allows(value, Steps()) for value in values) else None
    except Refused:
        return None
