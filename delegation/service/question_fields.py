"""Every field of the question that a policy is asked: kept with the decision, or had from elsewhere (`risk_inputs`).

Listed once, so that what is written, read, rebuilt and told in words cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from delegation.core.trust import Effect

HAD_ELSEWHERE: Final = frozenset(
    {"action", "tool", "listed", "principal", "agents", "now_s", "purpose", "scope", "arguments", "approved"}
)
"""The fields of a `PolicyQuestion` that other records say: the call's, its chain's, the catalogue; for `approved`, the
consent that is kept beside the fields."""


class When(Enum):
    """Of which questions a field is known."""

    ALWAYS = auto()
    """Of every one; left out where it says nothing."""
    NOTED = auto()
    """Where the calls of tasks are kept in mind; what is left out was not known."""
    NOTED_OF_AGENTS = auto()
    """Where the calls of agents are; the same."""
    READ = auto()
    """Where a rule about the tool reads it; the same."""


class Field(NamedTuple):
    """One field of a `PolicyQuestion` that is kept.

    Attributes:
        word: its name in policies.
        write, read: to plain data and back; `read` raises `ValueError`, `TypeError` or what a lookup does.
        when: of which questions it is known.
    """

    word: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    when: When


def _same(value: Any) -> Any:
    return value


def read_count(value: Any) -> int:
    """Read a number that counts something. Raises `ValueError`."""
    if type(value) is not int or value < 0:
        raise ValueError("no count")
    return value


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("neither true nor false")
    return value


def read_text(value: Any) -> str:
    """Read a text. Raises `ValueError`."""
    if type(value) is not str:
        raise ValueError("no text")
    return value


def read_texts(value: Any) -> frozenset[str]:
    """Read a set of texts. Raises `ValueError`."""
    if type(value) is not list:
        raise ValueError("no list")
    return frozenset(map(read_text, value))


def read_effects(value: Any) -> frozenset[Effect]:
    """Read a set of effects. Raises `ValueError`."""
    return frozenset(map(Effect, read_texts(value)))


def _amounts(value: Any) -> dict[str, str]:
    return {read_text(name): read_text(amount) for name, amount in value.items()}


def in_order(values: Collection[str]) -> list[str]:
    """Write a set."""
    return sorted(map(str, values))


def _if_kept(of: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else of(value)


RECORDED: Final[Mapping[str, Field]] = {
    "asserted": Field("assertedAgents", in_order, read_texts, When.ALWAYS),
    "owner": Field("agentOwner", _same, read_text, When.READ),
    "task_labels": Field("taskLabels", in_order, read_texts, When.ALWAYS),
    "task_effects": Field("taskEffects", in_order, read_effects, When.NOTED),
    "task_tools": Field("taskTools", in_order, read_texts, When.NOTED),
    "task_calls": Field("taskCalls", _same, read_count, When.NOTED),
    "task_denials": Field("taskDenials", _same, read_count, When.NOTED),
    "agent_calls": Field("agentCalls", _same, _if_kept(read_count), When.NOTED_OF_AGENTS),
    "agent_denials": Field("agentDenials", _same, _if_kept(read_count), When.NOTED_OF_AGENTS),
    "agent_effects": Field("agentEffects", _if_kept(in_order), _if_kept(read_effects), When.NOTED_OF_AGENTS),
    "calls_left": Field("callsLeft", _same, read_count, When.ALWAYS),
    "budgets_left": Field("budgetsLeft", dict, _amounts, When.ALWAYS),
    "manifest_changed": Field("manifestChanged", _same, _truth, When.ALWAYS),
}
"""The others. With `HAD_ELSEWHERE` these are all fields of a question, each of them once."""


def known_fields(words: Collection[str], *, noted: bool, agents_noted: bool) -> tuple[str, ...]:
    """Give the fields that are known of a question.

    Args:
        words: what rules about its tool read, by the names in policies.
        noted: whether the calls of tasks are kept in mind.
        agents_noted: whether the calls of agents are.
    """
    whens = {When.ALWAYS}
    if noted:
        whens.add(When.NOTED)
    if agents_noted:
        whens.add(When.NOTED_OF_AGENTS)
    return tuple(name for name, field in RECORDED.items() if field.when in whens or field.word in words)
