"""Reading constraints from plain data: a table with one key, or a plain value that means exactly itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from delegation.core.constraints import (
    Anything,
    Argument,
    Constraint,
    DecimalRange,
    DecimalText,
    Fields,
    SegmentGlob,
    Url,
    all_of,
    any_of,
    at_least,
    at_most,
    between,
    containing,
    decimal_text,
    each,
    exactly,
    in_network,
    length,
    matching,
    matching_segments,
    none_of,
    not_,
    one_of,
    starting_with,
    subset_of,
    under,
    url,
)
from delegation.core.constraints.decimals import exact_number
from delegation.core.constraints.segments import DEFAULT_SEPARATOR
from delegation.errors import Reason, Refused, refusal

ReadArguments = Callable[[object], dict[str, Argument]]


def wrong(detail: str) -> Refused:
    """Give the refusal of what is not understood."""
    return refusal(Reason.FIELD_INVALID, detail=detail)


def constraint_from_plain(plain: object, arguments: ReadArguments) -> Constraint:
    """Read one constraint; `arguments` reads the fields of an object constraint.

    Raises:
        Malformed, NotPermitted: as `scope_from_plain`.
    """
    if not isinstance(plain, Mapping):
        return exactly(plain)
    if len(plain) != 1:
        raise wrong("a constraint is a table with one key")
    ((kind, value),) = plain.items()

    def inner(nested: object) -> Constraint:
        return constraint_from_plain(nested, arguments)

    try:
        if kind == "fields":
            return Fields(arguments(value))
        if kind in _NESTED:
            return _NESTED[kind](value, inner)
        if kind in _READ:
            return _READ[kind](value)
    except (TypeError, AttributeError):
        raise wrong(f"{kind} does not take such a value") from None
    raise wrong(f"{kind} is not a kind of constraint; known: {', '.join([*_READ, *_NESTED, 'fields'])}")


def _anything(value: object) -> Anything:
    if value is not True:
        raise wrong("anything is true, or is not there")
    return Anything()


def _values(plain: object) -> Sequence[Any]:
    if not isinstance(plain, list | tuple):
        raise wrong("several values are a list")
    return plain


def _bounds(plain: object) -> tuple[Any, Any]:
    bounds = _values(plain)
    if len(bounds) != 2 or None in bounds:  # noqa: PLR2004 - a lower and an upper one
        raise wrong("between takes two bounds")
    return bounds[0], bounds[1]


def _table(plain: object, *names: str) -> Mapping[str, Any]:
    if not isinstance(plain, Mapping) or not plain.keys() <= set(names):
        raise wrong(f"a table with some of {', '.join(names)}")
    return plain


def _range_within(plain: object) -> DecimalRange:
    """Read bounds that are not permitted themselves."""
    flags = "minimum_exclusive", "maximum_exclusive"
    table = _table(plain, "minimum", "maximum", *flags)
    if not all(table[flag] is True for flag in flags if flag in table):
        raise wrong("minimum_exclusive and maximum_exclusive are true, or are not there")
    low, high = (exact_number(table[name]) if name in table else None for name in ("minimum", "maximum"))
    return DecimalRange.of(low, high, *(flag in table for flag in flags))


def _decimal_text(plain: object) -> DecimalText:
    table = _table(plain, "at_most", "at_least", "between", "range")
    if len(table) != 1:
        raise wrong("decimal_text takes one of at_most, at_least, between and range")
    ((kind, value),) = table.items()
    return decimal_text(_READ[kind](value))  # type: ignore[arg-type]  # these four read ranges


def _segments(plain: object) -> SegmentGlob:
    if isinstance(plain, str):
        return matching_segments(plain)
    table = _table(plain, "pattern", "separator")
    return matching_segments(table.get("pattern", ""), separator=table.get("separator", DEFAULT_SEPARATOR))


def _url(plain: object) -> Url:
    if isinstance(plain, str):
        return url(plain)
    table = _table(plain, "schemes", "host", "subdomains", "port", "path")
    subdomains, port = table.get("subdomains", False), table.get("port")
    if not isinstance(subdomains, bool) or isinstance(port, bool):
        raise wrong("subdomains is true or false, and port is a number")
    return Url.of(sorted(_values(table.get("schemes"))), table.get("host", ""), subdomains, port, table.get("path", ""))


_READ: Final[dict[str, Callable[[Any], Constraint]]] = {
    "anything": _anything,
    "exactly": exactly,
    "one_of": lambda values: one_of(*_values(values)),
    "none_of": lambda values: none_of(*_values(values)),
    "at_most": at_most,
    "at_least": at_least,
    "between": lambda bounds: between(*_bounds(bounds)),
    "range": _range_within,
    "decimal_text": _decimal_text,
    "length": lambda bounds: length(**_table(bounds, "at_least", "at_most")),
    "starting_with": starting_with,
    "matching_segments": _segments,
    "under": under,
    "url": _url,
    "in_network": in_network,
    "subset_of": lambda values: subset_of(*_values(values)),
    "containing": lambda values: containing(*_values(values)),
    "matching": matching,
}
_NESTED: Final[dict[str, Callable[[Any, Callable[[object], Constraint]], Constraint]]] = {
    "each": lambda plain, inner: each(inner(plain)),
    "not": lambda plain, inner: not_(inner(plain)),
    "all_of": lambda plain, inner: all_of(*map(inner, _values(plain))),
    "any_of": lambda plain, inner: any_of(*map(inner, _values(plain))),
}
