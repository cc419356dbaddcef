"""Scopes as people and configuration files write them: what is not understood grants nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from delegation.core.conditions import approved_by, at_most_calls, budget
from delegation.core.constraints import (
    DecimalRange,
    all_of,
    any_of,
    anything,
    at_least,
    at_most,
    between,
    containing,
    decimal_text,
    each,
    exactly,
    fields,
    in_network,
    length,
    matching,
    matching_segments,
    more_than,
    none_of,
    not_,
    one_of,
    optional,
    starting_with,
    subset_of,
    under,
    url,
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
        ({"none_of": ["a", 1]}, none_of("a", 1)),
        ({"decimal_text": {"at_most": "50.00"}}, decimal_text(at_most("50.00"))),
        ({"decimal_text": {"between": [1, "2.5"]}}, decimal_text(between(1, "2.5"))),
        ({"decimal_text": {"range": {"minimum": 1, "minimum_exclusive": True}}}, decimal_text(more_than(1))),
        ({"length": {"at_least": 1, "at_most": 5}}, length(at_least=1, at_most=5)),
        ({"length": {"at_most": 0}}, length(at_most=0)),
        ({"starting_with": "INV-"}, starting_with("INV-")),
        ({"matching_segments": "/srv/*"}, matching_segments("/srv/*")),
        (
            {"matching_segments": {"pattern": "orders.**", "separator": "."}},
            matching_segments("orders.**", separator="."),
        ),
        ({"url": "https://example.org/v1/"}, url("https://example.org/v1")),
        (
            {
                "url": {
                    "schemes": ["https", "http"],
                    "host": "example.org",
                    "subdomains": True,
                    "port": 81,
                    "path": "/a",
                }
            },
            url("http://example.org:81/a", subdomains=True, schemes=["https"]),
        ),
        ({"in_network": "10.0.0.0/8"}, in_network("10.0.0.0/8")),
        ({"subset_of": ["a", None]}, subset_of("a", None)),
        ({"containing": ["a"]}, containing("a")),
        ({"matching": "a+"}, matching("a+")),
        ({"not": {"under": "/etc"}}, not_(under("/etc"))),
        ({"not": "a"}, not_("a")),
        ({"not": {"any_of": ["a", {"under": "/etc"}]}}, all_of(not_("a"), not_(under("/etc")))),
        ({"all_of": [{"under": "/srv"}, {"not": "/srv/x"}]}, all_of(under("/srv"), not_("/srv/x"))),
        ({"any_of": [None, {"each": {"any_of": [1, 2]}}]}, any_of(None, each(any_of(1, 2)))),
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
    {"exactly": Ellipsis},
    {"none_of": []},
    {"none_of": [None]},
    {"none_of": "abc"},
    {"decimal_text": 5},
    {"decimal_text": {}},
    {"decimal_text": {"at_most": 5, "at_least": 1}},
    {"decimal_text": {"one_of": [1]}},
    {"length": 5},
    {"length": {}},
    {"length": {"at_most": "5"}},
    {"length": {"at_most": True}},
    {"length": {"at_least": -1}},
    {"length": {"most": 5}},
    {"starting_with": ""},
    {"starting_with": 5},
    {"matching_segments": "a*"},
    {"matching_segments": {"pattern": "a"} | {"glob": 1}},
    {"matching_segments": {"pattern": 5}},
    {"matching_segments": {"pattern": "a", "separator": "x"}},
    {"matching_segments": {}},
    {"url": "https://Example.org"},
    {"url": "https://example.org/?q"},
    {"url": {"host": "example.org"}},
    {"url": {"schemes": "https", "host": "example.org"}},
    {"url": {"schemes": ["https"], "host": 5}},
    {"url": {"schemes": [5], "host": "example.org"}},
    {"url": {"schemes": ["https"], "host": "example.org", "port": True}},
    {"url": {"schemes": ["https"], "host": "example.org", "port": "80"}},
    {"url": {"schemes": ["https"], "host": "example.org", "subdomains": 1}},
    {"in_network": "10.0.0.1"},
    {"in_network": None},
    {"subset_of": []},
    {"containing": [[1]]},
    {"matching": "(?i)a"},
    {"matching": ["a"]},
    {"not": {"anything": True}},
    {"not": None},
    {"not": {"each": 1}},
    {"all_of": []},
    {"all_of": {"under": "/srv"}},
    {"any_of": "abc"},
    {"any_of": [{"nearly": 1}]},
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
        [{"audience": "a", "tool": "t", "conditions": None}],
        [{"audience": "a", "tool": "t", "conditions": {"at_most_calls": 1}}],
        [{"audience": "a", "tool": "t", "conditions": [{}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"at_most_calls": 0}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"at_most_calls": True}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"at_most_calls": 1, "each": "day"}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"at_most_calls": 1}, {"at_most_calls": 2}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"budget": "amount"}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"budget": "amount", "at_most": "much"}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"budget": "amount", "at_most": -1}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"budget": 5, "at_most": 1}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"approved_by": ["ada"]}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"approved_by": "ada", "threshold": 1}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"approved_by": [5], "threshold": 1}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"approved_by": ["ada"], "threshold": 2}]}],
        [{"audience": "a", "tool": "t", "conditions": [{"approved_by": ["ada"], "threshold": True}]}],
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


def test_conditions_read_back_as_themselves():
    every = at_most_calls(5), budget("amount", "500.00"), approved_by("ben", "ada", threshold=2)
    scope = Scope(any_call("a", "t", *every), tool("b", "t", every[0]))
    plain = scope_to_plain(scope)
    assert plain[0]["conditions"] == [
        {"at_most_calls": 5},
        {"budget": "amount", "at_most": "500"},
        {"approved_by": ["ada", "ben"], "threshold": 2},
    ]
    assert scope_from_plain(plain) == scope


def test_what_has_no_plain_form_is_refused_rather_than_widened():
    with pytest.raises(Refused):
        scope_to_plain(Scope(tool("a", "t", x=exactly(Decimal("0.10000000000000000000001")))))
