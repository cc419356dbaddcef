"""What a task had done before each of its calls, rebuilt from the records of them.

It is what the records say: labels that stuck to agents from other tasks are in none of them, and calls of one moment
may have been judged in another order.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from delegation.core.declaration import Declaration
from delegation.core.hearsay import noted_of, noted_unpermitted
from delegation.core.labels import PUBLIC
from delegation.core.lineage import RecordedCall
from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue, Effect
from delegation.core.unlisted import entry_of
from delegation.errors import Layer
from delegation.service.decision_record import DECIDED_BY_SERVICE
from delegation.service.risk_inputs import RiskInputs

_COUNTED: Final = frozenset({Layer.SCOPE, Layer.CONDITION, Layer.POLICY})
"""Refusals of a call that its caller has shown to be its own; others count for nobody, nor do those by guards."""


OF_THE_PAST: Final = frozenset({"taskLabels", "taskEffects", "taskTools", "taskCalls", "taskDenials"})
"""What this tells, by the names in policies."""


class _Place(NamedTuple):
    """A call's place: how many calls, itself included, ran and were refused from the newest on."""

    number: int
    ran: int
    denied: int


class TaskPast:
    """The calls of one task, taken from the newest to the oldest, and then the state before each of them.

    Args:
        catalogue: says which effects and labels the tools have.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._places: dict[bytes, _Place] = {}
        self._ran = self._denied = 0
        # Of each, the oldest call that it came with: what was taken later is older.
        self._labels: dict[str, int] = {}
        self._effects: dict[Effect, int] = {}
        self._tools: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def take(self, call: RecordedCall) -> None:
        """Take the call before those that were taken.

        Raises:
            Malformed: what a policy was told of it cannot be read.
        """
        index = len(self._places)
        if call.refusal is not None and call.refusal.layer in _COUNTED and call.decided_by == DECIDED_BY_SERVICE:
            self._denied += 1
        if call.refusal is None or call.observed is not None:
            self._ran += 1
            self._note(call, index)
        self._places[call.call_id] = _Place(index, self._ran, self._denied)

    def _note(self, call: RecordedCall, index: int) -> None:
        tool = entry_of(self._catalogue, call.audience, call.tool)
        inputs = RiskInputs.of_text(call.inputs) if call.inputs else None
        if inputs is not None and inputs.declares:
            tool = noted_of(tool, Declaration(inputs.effects, inputs.labels).united(tool))
        if call.allowed:
            self._tools[tool_id(call.audience, call.tool)] = index
        if (
            not call.allowed or self._catalogue.find(call.audience, call.tool) is None
        ):  # nobody is permitted more by that
            tool = noted_unpermitted(tool)
        self._labels.update(dict.fromkeys(tool.labels - {PUBLIC}, index))
        self._effects.update(dict.fromkeys(tool.effects, index))

    def before(self, call_id: bytes) -> dict[str, Any] | None:
        """Give the fields of a `PolicyQuestion` that tell of the task before a call; None: it was not taken."""
        place = self._places.get(call_id)
        if place is None:
            return None
        return {
            "task_labels": _older(self._labels, place),
            "task_effects": _older(self._effects, place),
            "task_tools": _older(self._tools, place),
            "task_calls": self._ran - place.ran,
            "task_denials": self._denied - place.denied,
        }


def _older(oldest: dict[Any, int], place: _Place) -> frozenset[Any]:
    return frozenset(name for name, index in oldest.items() if index > place.number)
