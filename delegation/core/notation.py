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
from delegation.core.constraints.decimals import exact_number, format_decimal
from delegation.core.constraints.numbers import is_empty
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
    try:
        return Scope(*map(_capability, capabilities))
    except RecursionError:
        raise _wrong("a constraint is nested too deep") from None


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
    if not isinstance(plain, Mapping) or not all(isinstance(name, str) for name in plain):
        raise _wrong('arguments are "any" or a table')
    return {name: _argument(plain[name]) for name in sorted(plain)}


def _argument(plain: object) -> Argument:
    if isinstance(plain, Mapping) and "optional" in plain:
        rest = {key: value for key, value in plain.items() if key != "optional"}
        if not isinstance(plain["optional"], bool):
            raise _wrong("optional is true or false")
        return Argument(constraint_from_plain(rest), optional=plain["optional"])
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
    except (TypeError, AttributeError):
        raise _wrong(f"{kind} does not take such a value") from None


def _anything(value: object) -> Anything:
    if value is not True:
        raise _wrong("anything is true, or is not there")
    return Anything()


def _values(plain: object) -> Sequence[Any]:
    if isinstance(plain, str) or not isinstance(plain, Sequence):
        raise _wrong("several values are a list")
    return plain


def _bounds(plain: object) -> tuple[Any, Any]:
    bounds = _values(plain)
    if len(bounds) != 2 or None in bounds:  # noqa: PLR2004 - a lower and an upper one
        raise _wrong("between takes two bounds")
    return bounds[0], bounds[1]


def _range_within(plain: Mapping[str, Any]) -> DecimalRange:
    """Read bounds that are not permitted themselves."""
    flags = {"minimum_exclusive", "maximum_exclusive"}
    if not plain.keys() <= {"minimum", "maximum", *flags} or not all(plain[f] is True for f in flags & plain.keys()):
        raise _wrong("a range has minimum, maximum, minimum_exclusive and maximum_exclusive")
    low, high = (exact_number(plain[name]) if name in plain else None for name in ("minimum", "maximum"))
    above, below = "minimum_exclusive" in plain, "maximum_exclusive" in plain
    if low is high is None or (above and low is None) or (below and high is None):
        raise _wrong("a range needs the bound that it speaks of")
    if is_empty(low, high, exclusive=above or below):
        raise _wrong("a range with nothing in it")
    return DecimalRange(low, high, above, below)


_READ: Final[dict[str, Callable[[Any], Constraint]]] = {
    "anything": _anything,
    "exactly": exactly,
    "one_of": lambda values: one_of(*_values(values)),
    "at_most": at_most,
    "at_least": at_least,
    "between": lambda bounds: between(*_bounds(bounds)),
    "range": _range_within,
    "under": under,
    "each": lambda inner: each(constraint_from_plain(inner)),
    "fields": lambda inner: Fields(_arguments(inner)),
}


def scope_to_plain(scope: Scope) -> list[dict[str, Any]]:
    """Write a scope, such that reading it gives the same scope.

    Raises:
        Malformed: FIELD_INVALID for what has no plain form.
    """
    if any(capability.conditions for capability in scope.capabilities):
        raise _wrong("a condition has no plain form")
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
            return {"exactly": _value(value)}
        case OneOf():
            return {"one_of": [_value(member) for member in constraint.members()]}
        case IntegerRange(low, high):
            return _range(low, high)
        case DecimalRange():
            return _decimal_range(constraint)
        case SubPath(root):
            return {"under": root}
        case Each(member):
            return {"each": constraint_to_plain(member)}
        case Fields(fields=fields):
            return {"fields": _arguments_to_plain(fields)}
        case _:
            raise _wrong(f"{type(constraint).__name__} has no plain form")


def _range(low: int | str | None, high: int | str | None) -> dict[str, Any]:
    if low is None:
        return {"at_most": high}
    if high is None:
        return {"at_least": low}
    return {"between": [low, high]}


def _decimal_range(bounds: DecimalRange) -> dict[str, Any]:
    """Write bounds as text: a bare integer would read back as a range of integers only."""
    low, high = (None if bound is None else format_decimal(bound) for bound in (bounds.minimum, bounds.maximum))
    if not bounds.minimum_exclusive and not bounds.maximum_exclusive:
        return _range(low, high)
    flags = {"minimum_exclusive": bounds.minimum_exclusive, "maximum_exclusive": bounds.maximum_exclusive}
    written: dict[str, Any] = {"minimum": low, "maximum": high, **flags}
    return {"range": {name: value for name, value in written.items() if value not in (None, False)}}


def _value(value: object) -> object:
    """Write a value so that it reads back as itself; a number, unlike its text, is a float."""
    if isinstance(value, list):
        return [_value(member) for member in value]
    if isinstance(value, dict):
        return {name: _value(member) for name, member in value.items()}
    if isinstance(value, Decimal):
        if exact_number(float(value)) != value:
            raise _wrong("a number with more digits than a float holds has no plain form")
        return float(value)
    return value
