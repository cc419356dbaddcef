"""Scopes as plain data, for configuration files, command lines and `--json`.

[{"audience": "files", "tool": "read", "arguments": {"path": {"under": "/srv/docs"}}},
 {"audience": "crm", "tool": "find", "arguments": "any", "conditions": [{"at_most_calls": 5}]}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from delegation.core.conditions import (
    ApprovalRequirement,
    Budget,
    CallCount,
    Condition,
    approved_by,
    at_most_calls,
    budget,
    check_conditions,
    in_order,
)
from delegation.core.constraints import Argument
from delegation.core.notation_read import constraint_from_plain, wrong
from delegation.core.notation_write import constraint_to_plain
from delegation.core.scope import Capability, Scope

_ANY: Final = "any"


def scope_from_plain(capabilities: Sequence[Mapping[str, Any]]) -> Scope:
    """Read a scope.

    Raises:
        Malformed: FIELD_INVALID, saying what is not understood, or what is wrong with it.
        NotPermitted: ARGUMENTS_INVALID for a value that is not JSON.
    """
    if not isinstance(capabilities, list | tuple) or not all(isinstance(item, Mapping) for item in capabilities):
        raise wrong("a scope is a list of tables")
    try:
        return Scope(*map(_capability, capabilities))
    except RecursionError:
        raise wrong("a constraint is nested too deep") from None


def _capability(plain: Mapping[str, Any]) -> Capability:
    if not plain.keys() <= {"audience", "tool", "arguments", "conditions"}:
        raise wrong("a capability has audience, tool, arguments and conditions")
    audience, tool, arguments = plain.get("audience"), plain.get("tool"), plain.get("arguments", {})
    if not isinstance(audience, str) or not isinstance(tool, str):
        raise wrong("a capability names an audience and a tool")
    permitted = None if arguments == _ANY else arguments_from_plain(arguments)
    return Capability(audience, tool, permitted, _conditions(plain.get("conditions", ())))


def arguments_from_plain(plain: object) -> dict[str, Argument]:
    """Read named arguments or fields."""
    if not isinstance(plain, Mapping) or not all(isinstance(name, str) for name in plain):
        raise wrong('arguments are "any" or a table')
    return {name: _argument(plain[name]) for name in sorted(plain)}


def _argument(plain: object) -> Argument:
    if isinstance(plain, Mapping) and "optional" in plain:
        rest = {key: value for key, value in plain.items() if key != "optional"}
        if not isinstance(plain["optional"], bool):
            raise wrong("optional is true or false")
        return Argument(constraint_from_plain(rest, arguments_from_plain), optional=plain["optional"])
    return Argument(constraint_from_plain(plain, arguments_from_plain))


def _conditions(plain: object) -> tuple[Condition, ...]:
    if not isinstance(plain, list | tuple):
        raise wrong("conditions are a list")
    return check_conditions(in_order(map(_condition, plain)))


def _condition(plain: object) -> Condition:
    match plain:
        case {"at_most_calls": maximum, **rest} if not rest:
            return at_most_calls(maximum)
        case {"budget": str(argument), "at_most": maximum, **rest} if not rest:
            return budget(argument, maximum)
        case {"approved_by": [*approvers], "threshold": int(threshold), **rest} if not rest:
            if all(isinstance(approver, str) for approver in approvers):
                return approved_by(*approvers, threshold=threshold)
    raise wrong("a condition is at_most_calls, budget with at_most, or approved_by with threshold")


def scope_to_plain(scope: Scope) -> list[dict[str, Any]]:
    """Write a scope, such that reading it gives the same scope.

    Raises:
        Malformed: FIELD_INVALID for what has no plain form.
    """
    return [_capability_to_plain(capability) for capability in scope.capabilities]


def _capability_to_plain(capability: Capability) -> dict[str, Any]:
    arguments = capability.arguments
    plain: dict[str, Any] = {
        "audience": capability.audience,
        "tool": capability.tool,
        "arguments": _ANY if arguments is None else arguments_to_plain(arguments),
    }
    if capability.conditions:
        plain["conditions"] = [_condition_to_plain(condition) for condition in capability.conditions]
    return plain


def arguments_to_plain(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    """Write named arguments or fields."""
    return {name: _argument_to_plain(argument) for name, argument in arguments.items()}


def _argument_to_plain(argument: Argument) -> dict[str, Any]:
    plain = constraint_to_plain(argument.constraint, arguments_to_plain)
    return {**plain, "optional": True} if argument.optional else plain


def _condition_to_plain(condition: Condition) -> dict[str, Any]:
    match condition:
        case CallCount(maximum):
            return {"at_most_calls": maximum}
        case Budget(argument, maximum):
            return {"budget": argument, "at_most": maximum}
        case ApprovalRequirement(approvers, threshold):
            return {"approved_by": list(approvers), "threshold": threshold}
