"""Scopes as plain data, for configuration files, command lines and `--json`.

[{"audience": "files", "tool": "read", "arguments": {"path": {"under": "/srv/docs"}}},
 {"audience": "crm", "tool": "find", "arguments": "any"}]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from delegation.core.constraints import (
    Anything,
    Argument,
    Constraint,
    DecimalRange,
    Each,
    Exact,
    Fields,
    IntegerRange,
    OneOf,
    SubPath,
    at_least,
    at_most,
    between,
    each,
    exactly,
    one_of,
    under,
)
from delegation.core.constraints.decimals import format_decimal
from delegation.core.scope import Capability, Scope
from delegation.errors import Reason, refusal

_ANY: Final = "any"


def scope_from_plain(capabilities: Sequence[Mapping[str, Any]]) -> Scope:
    """Read a scope.

    Raises:
        Malformed: FIELD_INVALID, saying what is not understood.
        NotPermitted: ARGUMENTS_INVALID for a value that is not JSON.
    """
    if not isinstance(capabilities, list | tuple) or not all(isinstance(item, Mapping) for item in capabilities):
        raise _wrong("a scope is a list of tables")
    return Scope(*map(_capability, capabilities))


def _wrong(detail: str) -> Exception:
    return refusal(Reason.FIELD_INVALID, detail=detail)


def _capability(plain: Mapping[str, Any]) -> Capability:
    if not plain.keys() <= {"audience", "tool", "arguments"}:
        raise _wrong("a capability has audience, tool and arguments")
    audience, tool, arguments = plain.get("audience"), plain.get("tool"), plain.get("arguments", {})
    if not isinstance(audience, str) or not isinstance(tool, str):
        raise _wrong("a capability names an audience and a tool")
    return Capability(audience, tool, None if arguments == _ANY else _arguments(arguments))


def _arguments(plain: object) -> dict[str, Argument]:
    if not isinstance(plain, Mapping):
        raise _wrong('arguments are "any" or a table')
    return {name: _argument(plain[name]) for name in sorted(plain)}


def _argument(plain: object) -> Argument:
    if isinstance(plain, Mapping) and "optional" in plain:
        rest = {key: value for key, value in plain.items() if key != "optional"}
        return Argument(constraint_from_plain(rest), optional=plain["optional"] is True)
    return Argument(constraint_from_plain(plain))


def constraint_from_plain(plain: object) -> Constraint:
    """Read one constraint: a table with one key, or a plain value that means exactly itself.

    Raises:
        Malformed, NotPermitted: as `scope_from_plain`.
    """
    if not isinstance(plain, Mapping):
        return exactly(plain)
    if len(plain) != 1:
        raise _wrong("a constraint is a table with one key")
    ((kind, value),) = plain.items()
    read = _READ.get(kind)
    if read is None:
        raise _wrong(f"{kind} is not a kind of constraint; known: {', '.join(_READ)}")
    try:
        return read(value)
    except TypeError:
        raise _wrong(f"{kind} does not take such a value") from None


_READ: Final[dict[str, Callable[[Any], Constraint]]] = {
    "anything": lambda _: Anything(),
    "exactly": exactly,
    "one_of": lambda values: one_of(*values),
    "at_most": at_most,
    "at_least": at_least,
    "between": lambda bounds: between(*bounds),
    "under": under,
    "each": lambda inner: each(constraint_from_plain(inner)),
    "fields": lambda inner: Fields(_arguments(inner)),
}


def scope_to_plain(scope: Scope) -> list[dict[str, Any]]:
    """Write a scope."""
    return [
        {
            "audience": capability.audience,
            "tool": capability.tool,
            "arguments": _ANY if capability.arguments is None else _arguments_to_plain(capability.arguments),
        }
        for capability in scope.capabilities
    ]


def _arguments_to_plain(arguments: Mapping[str, Argument]) -> dict[str, Any]:
    return {
        name: {**constraint_to_plain(argument.constraint), **({"optional": True} if argument.optional else {})}
        for name, argument in arguments.items()
    }


def constraint_to_plain(constraint: Constraint) -> dict[str, Any]:
    """Write one constraint."""
    match constraint:
        case Anything():
            return {"anything": True}
        case Exact(value=value):
            return {"exactly": _number(value)}
        case OneOf():
            return {"one_of": [_number(member) for member in constraint.members()]}
        case IntegerRange(low, high) | DecimalRange(low, high):
            return _range(low, high)
        case SubPath(root):
            return {"under": root}
        case Each(member):
            return {"each": constraint_to_plain(member)}
        case Fields(fields=fields):
            return {"fields": _arguments_to_plain(fields)}
        case _:
            raise _wrong(f"{type(constraint).__name__} has no plain form")


def _range(low: int | Decimal | None, high: int | Decimal | None) -> dict[str, Any]:
    if low is None:
        return {"at_most": _number(high)}
    if high is None:
        return {"at_least": _number(low)}
    return {"between": [_number(low), _number(high)]}


def _number(value: object) -> object:
    return format_decimal(value) if isinstance(value, Decimal) else value
