"""What only tools themselves have said of what they did and returned: noted in a task, and kept apart.

A rule may permit what has happened before. What a tool declares must not make that true; and it must not be forgotten
where a rule forbids what has happened. So it is noted under names of its own, and rules are asked with it and without.
So is what has run though it was refused, under observation: nobody gets a permission by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from delegation.core.labels import PUBLIC
from delegation.core.named_tuple import NamedTuple
from delegation.core.trust import CatalogueTool, Effect

_LABEL: Final = "declared:label:"
_EFFECT: Final = "declared:effect:"
_EITHER: Final = "declared:"
"""No label of a catalogue begins so."""


class Heard(NamedTuple):
    """The labels of a task, taken apart.

    Attributes:
        labels: of what the catalogue says.
        declared_labels, declared_effects: what tools have said besides.
    """

    labels: frozenset[str]
    declared_labels: frozenset[str]
    declared_effects: frozenset[Effect]


def noted_of(listed: CatalogueTool, united: CatalogueTool) -> CatalogueTool:
    """Give what is noted of a call: the catalogue's word, and what the tool says besides, under names of its own."""
    labels = {f"{_LABEL}{label}" for label in united.labels - listed.labels}
    effects = {f"{_EFFECT}{effect}" for effect in united.effects - listed.effects}
    return listed._replace(labels=listed.labels | labels | effects)


def noted_unpermitted(tool: CatalogueTool) -> CatalogueTool:
    """Give what is noted of a call that ran though it was refused: all of it under names of its own."""
    said = frozenset(label for label in tool.labels if label.startswith(_EITHER))
    labels = {f"{_LABEL}{label}" for label in tool.labels - said - {PUBLIC}}
    effects = {f"{_EFFECT}{effect}" for effect in tool.effects}
    return tool._replace(labels=said | labels | effects, effects=frozenset())


def heard_in(labels: frozenset[str]) -> Heard | None:
    """Take the labels of a task apart; None: there is nothing in them that tools have said."""
    said = {label for label in labels if label.startswith(_EITHER)}
    if not said:
        return None
    names = frozenset(label.removeprefix(_LABEL) for label in said if label.startswith(_LABEL))
    effects = {label.removeprefix(_EFFECT) for label in said}
    return Heard(labels - said, names, frozenset(effect for effect in Effect if str(effect) in effects))


def sticking(labels: Iterable[str]) -> frozenset[str]:
    """Give those labels that stick to agents: not effects, which are one task's."""
    return frozenset(label for label in labels if not label.startswith(_EFFECT))


def bounded(labels: frozenset[str], most: int, else_: str) -> frozenset[str]:
    """Give labels with no more than so many that tools have said; where there are more, one stands for their labels."""
    said = frozenset(label for label in labels if label.startswith(_LABEL))
    return labels if len(said) <= most else labels - said | {f"{_LABEL}{else_}"}


def told_by_catalogue(labels: Iterable[str]) -> int:
    """Count the labels that the catalogue has given."""
    return sum(not label.startswith(_EITHER) for label in labels)
