"""Words in rules, and words that no rule has.

A label, effect or tool that does not exist would never match, and forbid nothing: it is refused. A label of the
catalogue that no rule names does nothing: that is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from delegation.core.chain import PrincipalBasis
from delegation.core.labels import BUILT_IN
from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue, Effect
from delegation.policy.rule import Rule

_HARMLESS: Final = frozenset({"public", "internal"})
_OF_LABELS: Final = frozenset({"labels", "taskLabels"})
_COMPARED: Final = frozenset({"contains", "containsAll", "containsAny", "==", "!="})


class Spelling:
    """The words that exist, by the field of `context` that holds them."""

    def __init__(self, catalogue: Catalogue) -> None:
        effects = frozenset(map(str, Effect))
        labels = BUILT_IN.union(*(tool.labels for tool in catalogue.tools))
        tools = frozenset(tool_id(tool.audience, tool.tool) for tool in catalogue.tools)
        self._words: Mapping[str, tuple[str, frozenset[str]]] = {
            "effects": ("effect", effects),
            "taskEffects": ("effect", effects),
            "labels": ("label of a tool in the catalogue", labels),
            "taskLabels": ("label of a tool in the catalogue", labels),
            "taskTools": ("tool in the catalogue", tools),
            "scope": ("tool in the catalogue", tools),
            "principalBasis": ("basis of a principal", frozenset(map(str, PrincipalBasis))),
        }

    def faults(self, expression: Any) -> Iterator[str]:
        """Find words that a rule compares with such a field, and that it cannot hold."""
        if isinstance(expression, list):
            for each in expression:
                yield from self.faults(each)
        elif isinstance(expression, dict):
            for operator, operands in expression.items():
                if operator in _COMPARED and isinstance(operands, dict):
                    yield from self._compared(operands.get("left"), operands.get("right"))
                yield from self.faults(operands)

    def _compared(self, left: Any, right: Any) -> Iterator[str]:
        for field, other in ((_field(left), right), (_field(right), left)):
            if field in self._words:
                kind, known = self._words[field]
                yield from (f'there is no {kind} "{word[:64]}"' for word in _literals(other) if word not in known)


def labels_without_a_rule(rules: Iterable[Rule], catalogue: Catalogue) -> tuple[str, ...]:
    """Give the labels of a catalogue, beside public and internal, that no rule names, sorted.

    Reading what has them changes nothing for a task: a rule such as the default `no-leak` is about the labels it names.
    """
    named = frozenset().union(*(_labels_in(rule.conditions) for rule in rules))
    return tuple(sorted(frozenset().union(*(tool.labels for tool in catalogue.tools)) - named - _HARMLESS))


def _labels_in(expression: Any) -> frozenset[str]:
    """Find what is compared with labels."""
    if isinstance(expression, list):
        return frozenset().union(*map(_labels_in, expression))
    if not isinstance(expression, dict):
        return frozenset()
    found = frozenset().union(*map(_labels_in, expression.values()))
    for operator in _COMPARED & expression.keys():
        match expression[operator]:
            case {"left": left, "right": right} if {_field(left), _field(right)} & _OF_LABELS:
                found |= {*_literals(left), *_literals(right)}
    return found


def _field(expression: Any) -> str:
    """Give the field of `context` that an expression is; empty: it is none."""
    match expression:
        case {".": {"left": {"Var": "context"}, "attr": str(name)}}:
            return name
        case _:
            return ""


def _literals(expression: Any) -> Iterator[str]:
    match expression:
        case {"Value": str(text)}:
            yield text
        case {"Set": list(members)}:
            for member in members:
                yield from _literals(member)
        case _:
            return
