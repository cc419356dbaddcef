"""Two constraints are equal if they are of one kind and hold equal typed values; at any depth."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest

from delegation.core.constraints import (
    AllOf,
    AnyOf,
    Anything,
    Argument,
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
    SubPath,
    exactly,
    one_of,
)
from delegation.core.scope import Scope, tool
from support.samples import CONSTRAINTS

ONE = OneOf(frozenset({"a"}))
DIFFERENT: list[tuple[Any, Any]] = [
    (SubPath("/a"), Prefix("/a")),
    (IntegerRange(1, 2), Length(1, 2)),
    (ListSubset(ONE), ListContains(ONE)),
    (NotOneOf(ONE), ListSubset(ONE)),
    (NotOneOf(ONE), Negation(ONE)),
    (AllOf((ONE,)), AnyOf((ONE,))),
    (Each(ONE), Negation(ONE)),
    (Exact("/a"), SubPath("/a")),
    (Exact(True), Exact(1)),
    (Exact(False), Exact(0)),
    (Exact(1), Exact(Decimal(1))),
    (Exact([1]), Exact([True])),
    (Exact({"a": [0]}), Exact({"a": [False]})),
    (Exact(None), Exact(False)),
    (one_of(1), one_of(True)),
    (Anything(), AllOf(())),
]


def wrapped(constraint: Any) -> list[Any]:
    return [
        constraint,
        Each(constraint),
        Negation(constraint),
        AllOf((constraint, ONE)),
        AnyOf((ONE, constraint)),
        Fields({"a": Argument(constraint)}),
        Each(Fields({"a": Argument(AnyOf((constraint,)), optional=True)})),
    ]


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=repr)
def test_another_kind_or_another_type_is_not_equal_at_any_depth(one: Any, other: Any):
    for a, b in zip(wrapped(one), wrapped(other), strict=True):
        assert a != b
        assert b != a
        assert not a == b  # noqa: SIM201 - both operators are the kind's own
        assert len({a, b}) == 2
        assert Scope(tool("a", "t", x=a)) != Scope(tool("a", "t", x=b))


def test_no_two_samples_are_equal_and_every_one_is_equal_to_itself_made_anew():
    for one, other in itertools.combinations(CONSTRAINTS, 2):
        assert one != other
    for constraint in CONSTRAINTS:
        again = type(constraint)(*constraint) if isinstance(constraint, tuple) else type(constraint)()
        assert again == constraint
        assert not again != constraint  # noqa: SIM202 - as above
        assert hash(again) == hash(constraint)
    assert len(set(CONSTRAINTS)) == len(CONSTRAINTS)


def test_a_constraint_is_not_equal_to_the_tuple_that_it_is_made_of():
    for constraint in CONSTRAINTS:
        if isinstance(constraint, tuple):
            assert constraint != tuple(constraint)
            assert tuple(constraint) != constraint


def test_what_is_equal_has_one_hash():
    pairs = [
        (exactly({"a": 1, "b": 2}), exactly({"b": 2, "a": 1})),
        (one_of("a", "b", 1), one_of(1, "b", "a", "a")),
        (Fields({"a": Argument(ONE), "b": Argument(ONE)}), Fields({"b": Argument(ONE), "a": Argument(ONE)})),
        (exactly(1.0), exactly(1)),
    ]
    for one, other in pairs:
        assert one == other
        assert hash(one) == hash(other)


def test_a_constraint_does_not_change():
    for constraint in CONSTRAINTS:
        with pytest.raises(AttributeError):
            constraint.value = 1
        for field in getattr(constraint, "_fields", ()):
            with pytest.raises(AttributeError):
                setattr(constraint, field, None)
