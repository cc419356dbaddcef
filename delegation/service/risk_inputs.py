"""What the operator's policy was told of a call and its task: kept with the decision, to be asked about again later.

Kept is what no other record says: the state of the task as it was then, and what was looked up for the question. Chain,
time and tool are recorded anyway, arguments as the catalogue says. No value of an argument is in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from enum import Enum, auto
from typing import Any, Final, NamedTuple, Self

from delegation.core.approval import ApprovalLevel
from delegation.core.trust import Effect
from delegation.errors import Reason, Refused, refusal
from delegation.policy.port import Consent, PolicyQuestion

INPUTS_BYTES: Final = 8 * 1024
"""Of one call, as what is kept of its arguments. What is longer is kept without the tools that the task has called, or
not at all: then it is rebuilt from other records, as far as that goes."""

HAD_ELSEWHERE: Final = frozenset(
    {"action", "tool", "listed", "principal", "agents", "now_s", "purpose", "scope", "arguments", "approved"}
)
"""The fields of a `PolicyQuestion` that other records say: the call's, its chain's, the catalogue; for `approved`, the
consent that is kept beside the fields."""


_ENCODE: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


class _When(Enum):
    """Of which questions a field is known."""

    ALWAYS = auto()
    """Of every one; left out where it says nothing."""
    NOTED = auto()
    """Where the calls of tasks are kept in mind; what is left out was not known."""
    NOTED_OF_AGENTS = auto()
    """Where the calls of agents are; the same."""
    READ = auto()
    """Where a rule about the tool reads it; the same."""


class _Field(NamedTuple):
    """One field of a `PolicyQuestion` that is kept.

    Attributes:
        word: its name in policies.
        write, read: to plain data and back; `read` raises `ValueError`, `TypeError` or what a lookup does.
        when: of which questions it is known.
    """

    word: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    when: _When


def _same(value: Any) -> Any:
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no count")
    return value


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("neither true nor false")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("no text")
    return value


def _texts(value: Any) -> frozenset[str]:
    if type(value) is not list:
        raise ValueError("no list")
    return frozenset(map(_text, value))


def _effects(value: Any) -> frozenset[Effect]:
    return frozenset(map(Effect, _texts(value)))


def _amounts(value: Any) -> dict[str, str]:
    return {_text(name): _text(amount) for name, amount in value.items()}


def _sorted(values: Collection[str]) -> list[str]:
    return sorted(map(str, values))


def _if_kept(of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else of(value)


RECORDED: Final[Mapping[str, _Field]] = {
    "asserted": _Field("assertedAgents", _sorted, _texts, _When.ALWAYS),
    "owner": _Field("agentOwner", _same, _text, _When.READ),
    "task_labels": _Field("taskLabels", _sorted, _texts, _When.ALWAYS),
    "task_effects": _Field("taskEffects", _sorted, _effects, _When.NOTED),
    "task_tools": _Field("taskTools", _sorted, _texts, _When.NOTED),
    "task_calls": _Field("taskCalls", _same, _count, _When.NOTED),
    "task_denials": _Field("taskDenials", _same, _count, _When.NOTED),
    "agent_calls": _Field("agentCalls", _same, _if_kept(_count), _When.NOTED_OF_AGENTS),
    "agent_denials": _Field("agentDenials", _same, _if_kept(_count), _When.NOTED_OF_AGENTS),
    "agent_effects": _Field("agentEffects", _if_kept(_sorted), _if_kept(_effects), _When.NOTED_OF_AGENTS),
    "calls_left": _Field("callsLeft", _same, _count, _When.ALWAYS),
    "budgets_left": _Field("budgetsLeft", dict, _amounts, _When.ALWAYS),
    "manifest_changed": _Field("manifestChanged", _same, _truth, _When.ALWAYS),
}
"""The others. With `HAD_ELSEWHERE` these are all fields of a question, each of them once."""

_NOTHING: Final = PolicyQuestion._field_defaults
_LONG: Final = "task_tools"
_CONSENTED, _FULFILS, _EFFECTS, _LABELS = "consented", "fulfils", "tool_effects", "tool_labels"


def known_fields(words: Collection[str], *, noted: bool, agents_noted: bool) -> tuple[str, ...]:
    """Give the fields that are known of a question.

    Args:
        words: what rules about its tool read, by the names in policies.
        noted: whether the calls of tasks are kept in mind.
        agents_noted: whether the calls of agents are.
    """
    whens = {_When.ALWAYS}
    if noted:
        whens.add(_When.NOTED)
    if agents_noted:
        whens.add(_When.NOTED_OF_AGENTS)
    return tuple(name for name, field in RECORDED.items() if field.when in whens or field.word in words)


class RiskInputs(NamedTuple):
    """What a policy was told of a call, apart from what other records say.

    Attributes:
        fields: of the `PolicyQuestion`, by name; what is not in there was not known.
        consented: whose consent was demanded, and there.
        fulfils: the obligations that whoever asked had promised to fulfil.
        effects, labels: the tool's, where it declared more than the catalogue says; else empty.
    """

    fields: Mapping[str, Any]
    consented: tuple[Consent, ...] = ()
    fulfils: frozenset[str] = frozenset()
    effects: frozenset[Effect] = frozenset()
    labels: frozenset[str] = frozenset()

    @property
    def declares(self) -> bool:
        """Whether the tool declared more than the catalogue says."""
        return bool(self.effects)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read what `inputs_text` has written.

        Raises:
            Malformed: FIELD_INVALID.
        """
        try:
            return cls._read(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _invalid() from None

    @classmethod
    def _read(cls, said: Any) -> Self:
        fields = {
            name: field.read(said[name]) if name in said else _NOTHING[name]
            for name, field in RECORDED.items()
            if name in said or field.when is _When.ALWAYS
        }
        consented = tuple(
            Consent(
                _text(rule),
                tuple(map(_text, approvers)),
                _count(threshold),
                bool(principal),
                *map(ApprovalLevel, level),
            )
            for rule, approvers, threshold, principal, *level in said.get(_CONSENTED, ())
        )
        effects, labels = _effects(said.get(_EFFECTS, [])), _texts(said.get(_LABELS, []))
        return cls(fields, consented, _texts(said.get(_FULFILS, [])), effects, labels)


def inputs_text(
    question: PolicyQuestion,
    known: Collection[str],
    *,
    consented: tuple[Consent, ...] = (),
    fulfils: frozenset[str] = frozenset(),
    declared: bool = False,
) -> str | None:
    """Write what is kept of a question about a call; None if that is too long.

    Args:
        question: as it was asked.
        known: the fields that were known, of those in `RECORDED`.
        consented: whose consent was demanded, and there.
        fulfils: the obligations that whoever asked has promised to fulfil.
        declared: whether the tool is another than in the catalogue: its effects and labels are kept, too.
    """
    said: dict[str, Any] = {}
    for name in known:
        value, field = getattr(question, name), RECORDED[name]
        if field.when is not _When.ALWAYS or value != _NOTHING[name]:
            said[name] = field.write(value)
    if consented:
        said[_CONSENTED] = [list(each) for each in consented]
    if fulfils:
        said[_FULFILS] = sorted(fulfils)
    if declared:
        said[_EFFECTS], said[_LABELS] = _sorted(question.tool.effects), _sorted(question.tool.labels)
    if sum(map(len, said.get(_LONG, ()))) > INPUTS_BYTES:
        del said[_LONG]
    return _within(said) or _within({name: value for name, value in said.items() if name != _LONG})


def _within(said: Mapping[str, Any]) -> str | None:
    text = _ENCODE(said)
    try:
        return text if len(text.encode()) <= INPUTS_BYTES else None
    except UnicodeEncodeError:  # a lone surrogate in a name: no database takes that
        return None


def _invalid() -> Refused:
    return refusal(Reason.FIELD_INVALID, detail="what a policy was told is not in the form in which it is kept")
