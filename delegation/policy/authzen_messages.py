"""What is said to a decision point, and what it answers: the Access Evaluation API of OpenID AuthZEN 1.0."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

from delegation.core.arguments import Value
from delegation.core.tool_id import tool_id
from delegation.policy.port import Action, Denial, Obligation, ObligationKind, Permit, PolicyQuestion, Verdict
from delegation.policy.vocabulary import ARGUMENTS, BUDGETS_LEFT, FIELDS

DECISION_POINT: Final = "authzen"
"""What stands for a rule's id where a decision point has decided."""

TOLD: Final = frozenset({*FIELDS, ARGUMENTS, BUDGETS_LEFT})
"""What it is told of a question, by the names in policies."""

_KINDS: Final = {str(kind): kind for kind in ObligationKind}
_MEMBERS: Final = frozenset({"decision", "context"})
_OBLIGES: Final = re.compile(r"[\W_]*obligation", re.IGNORECASE)
"""Names under which others say what they demand: a demand that is passed over would be a wider permission."""

_RESOURCE: Final = ("audience", "tool", "toolOwner", "effects", "labels", "local")
_SUBJECT: Final = ("agentOwner",)


class NotExactError(Exception):
    """A number that JSON would not say exactly; its text says nothing of the value."""


class BadAnswerError(Exception):
    """An answer that is not one; its text says nothing of its content."""


def request_of(question: PolicyQuestion) -> bytes:
    """Write a question: the agent is the subject, the tool the resource, and all else is context.

    Raises:
        NotExactError: a number of the arguments.
    """
    known = {
        name: field.value(question)
        for name, field in FIELDS.items()
        if question.action in field.actions and field.value(question) is not None
    }
    context = {name: value for name, value in known.items() if name not in {*_RESOURCE, *_SUBJECT}}
    if question.action is Action.CALL:
        context |= {ARGUMENTS: _plain(dict(question.arguments)), BUDGETS_LEFT: dict(question.budgets_left)}
    return json.dumps(
        {
            "subject": {
                "type": "agent",
                "id": question.agents[-1],
                "properties": {name: known[name] for name in _SUBJECT},
            },
            "action": {"name": str(question.action)},
            "resource": {
                "type": "tool" if question.listed else "unlisted_tool",
                "id": tool_id(question.tool.audience, question.tool.tool),
                "properties": {name: known[name] for name in _RESOURCE},
            },
            "context": context,
        },
        allow_nan=False,
    ).encode()


def verdict_of(content: bytes) -> Verdict:
    """Read an answer.

    An obligation is a name in the list `context.obligations`. Whatever else stands there, and obligations that stand
    elsewhere, nobody here can fulfil: they deny.

    Raises:
        BadAnswerError: it is none.
    """
    try:
        answer = json.loads(content.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise BadAnswerError("is not JSON") from None
    if not isinstance(answer, dict) or type(answer.get("decision")) is not bool:
        raise BadAnswerError("has no decision")
    if answer.keys() - _MEMBERS:
        raise BadAnswerError("says more than a decision and its context")
    if not answer["decision"]:
        return Denial((DECISION_POINT,), "the decision point forbids it")
    obligations = _obligations(answer.get("context", {}))
    if obligations is None:
        return Denial((DECISION_POINT,), "the decision point demands something that is not known here")
    return Permit(tuple(sorted(Obligation(kind, DECISION_POINT) for kind in obligations)))


def _obligations(context: Any) -> frozenset[ObligationKind] | None:
    """Read what a permission demands; None: something that is not known here, or demanded in another way."""
    if not isinstance(context, dict) or any(name != "obligations" and _OBLIGES.match(name) for name in context):
        return None
    names = context.get("obligations", [])
    if not isinstance(names, list) or not all(type(name) is str and name in _KINDS for name in names):
        return None
    return frozenset(_KINDS[name] for name in names)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Take an object whose names are all different: readers differ in which of two counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadAnswerError("says one thing twice")
    return found


def _plain(value: Value) -> Any:
    """Give a value as JSON has it: the same text that was signed for."""
    if isinstance(value, Decimal):
        number = float(value)
        if Decimal(repr(number)) != value:
            raise NotExactError("an argument is a number that JSON does not hold exactly")
        return number
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
