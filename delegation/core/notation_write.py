"""Writing constraints as plain data, such that reading it gives the same constraint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from delegation.core.constraints import (
    AllOf,
    AnyOf,
    Anything,
    Argument,
    Cidr,
    Constraint,
    DecimalRange,
    DecimalText,
    Each,
    Exact,
    Fields,
    IntegerRange,
    Length,
    ListContains,
    ListSubset,
    Negation,
    NotOneOf,
    OneOf,
    Prefix,
    Regex,
    SegmentGlob,
    SubPath,
    Url,
)
from delegation.core.constraints.decimals import exact_number, format_decimal
from delegation.core.constraints.segments import DEFAULT_SEPARATOR
from delegation.core.notation_read import wrong

WriteArguments = Callable[[Mapping[str, Argument]], dict[str, Any]]


def constraint_to_plain(constraint: Constraint, arguments: WriteArguments) -> dict[str, Any]:
    """Write one constraint; `arguments` writes the fields of an object constraint."""
    match constraint:
        case Fields(fields=fields):
            return {"fields": arguments(fields)}
        case Each(member):
            return {"each": constraint_to_plain(member, arguments)}
        case Negation(inner):
            return {"not": constraint_to_plain(inner, arguments)}
        case AllOf(constraints):
            return {"all_of": [constraint_to_plain(one, arguments) for one in constraints]}
        case AnyOf(constraints):
            return {"any_of": [constraint_to_plain(one, arguments) for one in constraints]}
        case _:
            return _simple_to_plain(constraint)


def _simple_to_plain(constraint: Constraint) -> dict[str, Any]:
    match constraint:
        case Anything():
            return {"anything": True}
        case Exact(value=value):
            return {"exactly": _value(value)}
        case OneOf():
            return {"one_of": _members(constraint)}
        case NotOneOf(excluded):
            return {"none_of": _members(excluded)}
        case ListSubset(members):
            return {"subset_of": _members(members)}
        case ListContains(members):
            return {"containing": _members(members)}
        case IntegerRange(low, high):
            return _range(low, high)
        case DecimalRange():
            return _decimal_range(constraint)
        case DecimalText(bounds):
            return {"decimal_text": _decimal_range(bounds)}
        case _:
            return _string_to_plain(constraint)


def _string_to_plain(constraint: Constraint) -> dict[str, Any]:
    match constraint:
        case SubPath(root):
            return {"under": root}
        case Prefix(text):
            return {"starting_with": text}
        case Length(minimum, maximum):
            return {"length": _given(at_least=minimum or None, at_most=maximum)}
        case SegmentGlob(separator=separator):
            if separator == DEFAULT_SEPARATOR:
                return {"matching_segments": constraint.pattern}
            return {"matching_segments": {"pattern": constraint.pattern, "separator": separator}}
        case Url(schemes, host, subdomains, port, path):
            below = subdomains or None
            return {"url": _given(schemes=list(schemes), host=host, subdomains=below, port=port, path=path or None)}
        case Cidr(network):
            return {"in_network": network}
        case Regex(expression):
            return {"matching": expression}
        case _:
            raise wrong(f"{type(constraint).__name__} has no plain form")


def _given(**parts: object) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part is not None}


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
    flags = {name: getattr(bounds, name) or None for name in ("minimum_exclusive", "maximum_exclusive")}
    return {"range": _given(minimum=low, maximum=high, **flags)}


def _members(members: OneOf) -> list[object]:
    return [_value(member) for member in members.members()]


def _value(value: object) -> object:
    """Write a value so that it reads back as itself; a number, unlike its text, is a float."""
    if isinstance(value, list):
        return [_value(member) for member in value]
    if isinstance(value, dict):
        return {name: _value(member) for name, member in value.items()}
    if isinstance(value, Decimal):
        if exact_number(float(value)) != value:
            raise wrong("a number with more digits than a float holds has no plain form")
        return float(value)
    return value
