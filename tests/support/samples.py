"""Constraints of every kind that is evaluated, and values to try them on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from delegation.core.arguments import Arguments, Value
from delegation.core.constraints import (
    Anything,
    Constraint,
    DecimalRange,
    Steps,
    at_least,
    at_most,
    between,
    each,
    exactly,
    fields,
    one_of,
    optional,
    under,
)

HALF = Decimal("0.5")
CONSTRAINTS: tuple[Constraint, ...] = (
    Anything(),
    *map(exactly, (None, True, False, 0, 1, 5, -1, 0.5, "", "a", "5", "/srv", "/srv/a", [], [1], [[]], {}, {"a": 1})),
    *map(exactly, ({"a": 1, "b": "x"}, ["/srv", "/srv/a"], [True], 2**53 - 1)),
    one_of(1, 5),
    one_of("a", "5"),
    one_of(0.5, 1),
    one_of(True, None),
    one_of("/srv", "/srv/a/b"),
    one_of(*range(10)),
    at_most(5),
    at_least(0),
    between(0, 5),
    between(1, 1),
    between(-(2**53) + 1, 2**53 - 1),
    at_most("5"),
    at_least("0.5"),
    between("0", "5"),
    between("0.5", "0.5"),
    between("1", "1"),
    DecimalRange(0, 5, minimum_exclusive=True),
    DecimalRange(0, 5, maximum_exclusive=True),
    DecimalRange(None, HALF, maximum_exclusive=True),
    under("/"),
    under("/srv"),
    under("/srv/a"),
    under("/srvx"),
    each(1),
    each(between(0, 5)),
    each(under("/srv")),
    each(each(Anything())),
    each(Anything()),
    fields(),
    fields(a=1),
    fields(a=between(0, 5)),
    fields(a=optional(1)),
    fields(a=between(0, 5), b=optional("x")),
    fields(a=Anything(), b=optional(Anything())),
    fields(a=fields(a=optional(Anything()))),
)

KINDS = sorted({type(constraint).__name__ for constraint in CONSTRAINTS})

_RAW: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 5, 6, -1, 2**53 - 1, -(2**53) + 1, 0.5, 0.25, 1.5, 4.999, 5.001, -0.5),
    *("", "a", "b", "x", "5", "1", "0.5", "true", "null", "/", "/srv", "/srv/a", "/srv/a/b", "/srvx", "/etc"),
    *("/srv/../etc", "/srv/", "srv", "/srv//a", "/srv/.", "[]", "{}"),
    *([], [1], [5], [6], [True], ["a"], [[]], [[1]], [None], ["/srv"], ["/srv", "/srv/a"], ["/etc"], [1, "a"], [{}]),
    *({}, {"a": 1}, {"a": 5}, {"a": 6}, {"a": True}, {"a": "1"}, {"b": "x"}, {"a": 1, "b": "x"}, {"a": 1, "b": 1}),
    *({"a": 1, "c": 1}, {"a": {}}, {"a": {"a": 1}}, {"a": [1]}, {"a": 0.5}, {"a": None, "b": None}),
)
VALUES: tuple[Value, ...] = tuple(Arguments.of({"value": raw}).values["value"] for raw in _RAW)


def allowed(constraint: Constraint) -> list[Value]:
    """List the sample values that a constraint allows."""
    return [value for value in VALUES if constraint.allows(value, Steps())]


def wider_by(parent: Constraint, child: Constraint) -> list[Value]:
    """List the sample values that a child allows and its parent does not."""
    return [value for value in allowed(child) if not parent.allows(value, Steps())]
