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

TOLD: Final = frozenset({*FIELDS, ARGUMENTS, BUDGETS_LEFT}) - {"approved"}
"""What it is told of a question, by the names in policies. Consent is no matter of a decision point's."""

_KINDS: Final = {str(kind): kind for kind in ObligationKind}
_MEMBERS: Final = frozenset({"decision", "context"})
_OBLIGES: Final = re.compile(r"[\W_]*obligation", re.IGNORECASE)
"""Names under which others say what they demand: a demand that is passed over would be a wider permission."""

_RESOURCE: Final = frozenset(
    {"audience", "tool", "toolOwner", "effects", "labels", "local", "manifestChanged", "scope", "callsLeft"}
)
_CONTEXT: Final = frozenset({"time"})
"""All else is of the subject. There are decision points that read no context."""

_IN_ORDER: Final = "agents"


class NotExactError(Exception):
    """A number that JSON would not say exactly; its text says nothing of the value."""


class BadAnswerError(Exception):
    """An answer that is not one; its text says nothing of its content."""


def request_of(question: PolicyQuestion) -> bytes:
    """Write a question: the agent is the subject, with its chain and its task; the tool is the resource, with the call.

    No name that a caller has chosen is a property by itself: some decision points take certain properties for orders.

    Raises:
        NotExactError: a number of the arguments.
    """
    known = _known(question)
    resource = {name: value for name, value in known.items() if name in _RESOURCE}
    if question.action is Action.CALL:
        resource |= {ARGUMENTS: _plain(dict(question.arguments)), BUDGETS_LEFT: dict(question.budgets_left)}
    return json.dumps(
        {
            "subject": {
                "type": "agent",
                "id": question.agents[-1],
                "properties": {name: known[name] for name in known.keys() - _RESOURCE - _CONTEXT},
            },
            "action": {"name": str(question.action)},
            "resource": {
                "type": "tool" if question.listed else "unlisted_tool",
                "id": tool_id(question.tool.audience, question.tool.tool),
                "properties": resource,
            },
            "context": {name: known[name] for name in _CONTEXT},
        },
        allow_nan=False,
        sort_keys=True,
    ).encode()


def _known(question: PolicyQuestion) -> dict[str, Any]:
    """Give what is known of a question, by its names in policies; of sets, the elements sorted."""
    known: dict[str, Any] = {}
    for name in TOLD & FIELDS.keys():
        value = FIELDS[name].value(question) if question.action in FIELDS[name].actions else None
        if value is not None:
            known[name] = sorted(value) if isinstance(value, list) and name != _IN_ORDER else value
    return known


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
