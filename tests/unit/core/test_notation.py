"""Scopes as people and configuration files write them: what is not understood grants nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from delegation.core.conditions import CallCount
from delegation.core.constraints import (
    DecimalRange,
    anything,
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
from delegation.core.notation import scope_from_plain, scope_to_plain
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import Refused
from support.samples import CONSTRAINTS


def read(constraint: Any) -> Any:
    (capability,) = scope_from_plain([{"audience": "a", "tool": "t", "arguments": {"x": constraint}}]).capabilities
    return capability.arguments["x"]


@pytest.mark.parametrize(
    ("plain", "meant"),
    [
        ("text", exactly("text")),
        (5, exactly(5)),
        (0.5, exactly(0.5)),
        (None, exactly(None)),
        ([1, "a"], exactly([1, "a"])),
        ({"exactly": {"a": 1}}, exactly({"a": 1})),
        ({"one_of": ["a", 1, None]}, one_of("a", 1, None)),
        ({"at_most": 50}, at_most(50)),
        ({"at_most": "50.00"}, at_most("50.00")),
        ({"at_least": 0}, at_least(0)),
        ({"between": [1, 5]}, between(1, 5)),
        ({"range": {"maximum": "5", "maximum_exclusive": True}}, DecimalRange(None, 5, maximum_exclusive=True)),
        ({"under": "/srv/"}, under("/srv")),
        ({"each": {"under": "/srv"}}, each(under("/srv"))),
        ({"fields": {"a": 1, "b": {"at_most": 5, "optional": True}}}, fields(a=1, b=optional(at_most(5)))),
        ({"anything": True}, anything()),
    ],
    ids=str,
)
def test_a_constraint_is_read(plain: Any, meant: Any):
    assert read(plain).constraint == meant


WRONG = [
    {},
    {"at_most": 5, "at_least": 0},
    {"nearly": 5},
    {"anything": False},
    {"anything": 1},
    {"anything": None},
    {"one_of": "abc"},
    {"one_of": []},
    {"one_of": {}},
    {"one_of": 5},
    {"one_of": [[1]]},
    {"at_most": None},
    {"at_most": True},
    {"at_most": "many"},
    {"at_most": [5]},
    {"at_least": "NaN"},
    {"at_most": "Infinity"},
    {"at_most": 2**53},
    {"between": [1]},
    {"between": [1, 2, 3]},
    {"between": [None, 2]},
    {"between": "12"},
    {"between": [5, 1]},
    {"range": {}},
    {"range": {"minimum_exclusive": True}},
    {"range": {"minimum": "1", "maximum_exclusive": True}},
    {"range": {"minimum": "1", "minimum_exclusive": False}},
    {"range": {"minimum": "1", "maximum": "1", "minimum_exclusive": True}},
    {"range": {"minimum": "2", "maximum": "1"}},
    {"range": {"least": "1"}},
    {"range": 5},
    {"under": ""},
    {"under": 5},
    {"under": None},
    {"under": "srv"},
    {"under": "/srv/../etc"},
    {"each": {"nearly": 5}},
    {"fields": "any"},
    {"fields": {"a": {}}},
    {"fields": {5: 1}},
    {"exactly": object()},
    {"optional": True},
    {"at_most": 5, "optional": "no"},
    {"at_most": 5, "optional": 1},
]


@pytest.mark.parametrize("plain", WRONG, ids=str)
def test_what_is_not_understood_is_refused(plain: Any):
    with pytest.raises(Refused):
        read(plain)


@pytest.mark.parametrize(
    "plain",
    [
        None,
        "files",
        5,
        {"audience": "a", "tool": "t"},
        ["files"],
        [{"audience": "a"}],
        [{"tool": "t"}],
        [{"audience": "a", "tool": 5}],
        [{"audience": "a", "tool": "t", "arguments": "all"}],
        [{"audience": "a", "tool": "t", "arguments": None}],
        [{"audience": "a", "tool": "t", "arguments": [1]}],
        [{"audience": "a", "tool": "t", "argument": {}}],
        [{"audience": "a", "tool": "t", "conditions": []}],
        [{"audience": "a", "tool": "t", "arguments": {5: 1}}],
        [{"audience": "a", "tool": "t"}, {"audience": "a", "tool": "t"}],
    ],
    ids=str,
)
def test_a_scope_that_is_not_understood_is_refused(plain: Any):
    with pytest.raises(Refused):
        scope_from_plain(plain)


def test_arguments_that_are_not_mentioned_are_none_and_any_must_be_said():
    none, any_of_them = scope_from_plain(
        [{"audience": "a", "tool": "none"}, {"audience": "a", "tool": "some", "arguments": "any"}]
    ).capabilities
    assert none.arguments == {}
    assert any_of_them.arguments is None
    assert scope_from_plain([]) == Scope.EMPTY


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=lambda c: c.describe())
def test_every_sample_reads_back_as_itself(constraint: Any):
    scope = Scope(tool("a", "t", x=constraint, y=optional(constraint)), any_call("b", "t"))
    assert scope_from_plain(scope_to_plain(scope)) == scope


def test_what_has_no_plain_form_is_refused_rather_than_widened():
    for capability in (
        any_call("a", "t", CallCount(1)),
        tool("a", "t", x=exactly(Decimal("0.10000000000000000000001"))),
    ):
        with pytest.raises(Refused):
            scope_to_plain(Scope(capability))
