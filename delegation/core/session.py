"""What has happened in a task, over its whole tree: labels of what was read, which effects and tools ran, how often.

A value and its text. Who keeps it, and writes it in one step with each decision, is whoever decides (SPEC section 8.4).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Self

from delegation.core import limits
from delegation.core.hearsay import bounded, told_by_catalogue
from delegation.core.labels import MOST_SENSITIVE, PUBLIC
from delegation.core.named_tuple import NamedTuple
from delegation.core.names import is_name
from delegation.core.tool_id import tool_id
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason, refusal

_FIELDS: Final = frozenset({"calls", "denials", "effects", "labels", "tools"})
_TOOL_ID_BYTES: Final = 4 * limits.NAME_BYTES + 1  # an audience of nothing but dots is three times as long


class Happened(NamedTuple):
    """How often something happened, and when: in numbers of the task's permitted calls, the first being 1."""

    times: int
    first: int
    last: int

    def again(self, call: int) -> Happened:
        """Give what it is after one more call."""
        return Happened(self.times + 1, self.first, call)


_NOTHING: Final[Mapping[Any, Happened]] = MappingProxyType({})


def _nothing() -> Mapping[Any, Happened]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class TaskSession:
    """The state of one task.

    Attributes:
        labels: of everything that its calls were permitted to read; what only the tools have said is among them, under
            names of its own (`hearsay`).
        effects: which effects its calls may have had.
        tools: which tools were called, by their `tool_id`.
        calls: how many calls were permitted.
        denials: how many were refused.
        version: counts the changes; kept beside the text.
    """

    labels: frozenset[str] = frozenset()
    effects: Mapping[Effect, Happened] = field(default_factory=_nothing)
    tools: Mapping[str, Happened] = field(default_factory=_nothing)
    calls: int = 0
    denials: int = 0
    version: int = 0

    def labelled(self, labels: Iterable[str]) -> TaskSession:
        """Give this session with more labels, but for `PUBLIC`.

        Raises:
            ConditionUnmet: SESSION_FULL past `SESSION_LABELS`.
        """
        labels = frozenset(labels)
        if labels <= self.labels and len(self.labels) <= limits.SESSION_LABELS and PUBLIC not in self.labels:
            return self
        united = bounded(self.labels.union(labels) - {PUBLIC}, limits.SESSION_LABELS, MOST_SENSITIVE)
        if len(united) > limits.SESSION_LABELS and told_by_catalogue(united) > limits.SESSION_LABELS:
            raise refusal(Reason.SESSION_FULL, detail=f"a task has at most {limits.SESSION_LABELS} labels")
        return self if united == self.labels else replace(self, labels=united)

    def after(self, tool: CatalogueTool) -> TaskSession:
        """Give what this is once a call of a tool was permitted, its result's labels included.

        Raises:
            ConditionUnmet: SESSION_FULL past `SESSION_TOOLS` or `SESSION_LABELS`.
        """
        name = tool_id(tool.audience, tool.tool)
        if name not in self.tools and len(self.tools) >= limits.SESSION_TOOLS:
            raise refusal(Reason.SESSION_FULL, detail=f"a task calls at most {limits.SESSION_TOOLS} different tools")
        after = self._counted(name, tool.effects)
        return after if tool.labels <= self.labels else after.labelled(tool.labels)

    def after_running(self, tool: CatalogueTool) -> TaskSession:
        """Give what this is once a call has run that nobody here was asked about: no bound keeps its labels out.

        They are the catalogue's, and what tools say besides is bounded, so there is an end to them; a task that has too
        many is let call nothing more. Of tools past `SESSION_TOOLS` no name is kept, since a guard may record what
        names it likes.
        """
        name = tool_id(tool.audience, tool.tool)
        known = name in self.tools or len(self.tools) < limits.SESSION_TOOLS
        after = self._counted(name, tool.effects)
        labels = bounded(self.labels | (tool.labels - {PUBLIC}), limits.SESSION_LABELS, MOST_SENSITIVE)
        return replace(after, labels=labels, tools=after.tools if known else self.tools)

    def tainted(self, labels: Iterable[str]) -> TaskSession:
        """Give what this is once a call has run that was refused: what it left, and no call more (`hearsay`)."""
        labels = bounded(self.labels.union(labels), limits.SESSION_LABELS, MOST_SENSITIVE)
        return replace(self, labels=labels, version=self.version + 1)

    def _counted(self, name: str, had: Iterable[Effect]) -> TaskSession:
        call = self.calls + 1
        effects, tools = dict(self.effects), dict(self.tools)
        for effect in had:
            effects[effect] = _again(effects.get(effect), call)
        tools[name] = _again(tools.get(name), call)
        return TaskSession(self.labels, effects, tools, call, self.denials, self.version + 1)

    def after_denial(self) -> TaskSession:
        """Give what this is once a call was refused: one more denial, and nothing else."""
        return replace(self, denials=self.denials + 1, version=self.version + 1)

    def text(self) -> str:
        """Write it, without its version; one session, one text."""
        said = {
            "calls": self.calls,
            "denials": self.denials,
            "effects": {str(effect): list(happened) for effect, happened in self.effects.items()},
            "labels": sorted(self.labels),
            "tools": {name: list(happened) for name, happened in self.tools.items()},
        }
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def of_text(cls, text: str, version: int) -> Self:
        """Read what `text` wrote, and nothing else.

        Raises:
            Malformed: FIELD_INVALID.
        """
        try:
            session = cls._read(json.loads(text), version)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            session = None
        if session is None or session.text() != text:
            raise refusal(Reason.FIELD_INVALID, detail="the state of a task is not what this version writes")
        return session

    @classmethod
    def _read(cls, said: Any, version: int) -> Self | None:
        if said.keys() != _FIELDS:
            return None
        calls, denials, labels = said["calls"], said["denials"], said["labels"]
        if not all(type(number) is int and number >= 0 for number in (calls, denials, version)):
            return None
        tools = {name: _happened(numbers, calls) for name, numbers in said["tools"].items()}
        if not (all(map(is_name, labels)) and all(is_name(name, _TOOL_ID_BYTES) for name in tools)):
            return None
        effects = {Effect(name): _happened(numbers, calls) for name, numbers in said["effects"].items()}
        return cls(frozenset(labels), effects, tools, calls, denials, version)


def _again(happened: Happened | None, call: int) -> Happened:
    return Happened(1, call, call) if happened is None else happened.again(call)


def _happened(numbers: Any, calls: int) -> Happened:
    times, first, last = numbers
    if not all(type(number) is int for number in numbers):
        raise ValueError("no whole numbers")
    if not (0 < first <= last <= calls and 0 < times <= last - first + 1):
        raise ValueError("numbers that contradict one another")
    return Happened(times, first, last)
