"""Scopes and constraints as people build them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from delegation.core.arguments import Arguments
from delegation.core.constraints import (
    IntegerRange,
    Steps,
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
from delegation.core.narrowing import scope_within, taken_away
from delegation.core.scope import Scope, any_call, tool
from delegation.errors import NotPermitted, Reason, Refused, ScopeGrew
from support.chains import SCOPE, chain, verify

READ = tool("files", "read", path=under("/srv/docs"), limit=optional(at_most(100)))


def test_a_scope_is_sorted_and_equal_whatever_the_order():
    one, other = any_call("b", "t"), any_call("a", "z")
    assert Scope(one, other) == Scope(other, one)
    assert hash(Scope(one, other)) == hash(Scope(other, one))
    assert [c.audience for c in Scope(one, other).capabilities] == ["a", "b"]
    assert Scope(one) != Scope(other)


def test_a_tool_has_one_capability():
    with pytest.raises(Refused) as caught:
        Scope(any_call("a", "t"), tool("a", "t"))
    assert caught.value.reason is Reason.FIELD_INVALID


def test_where_narrows_the_arguments_of_one_tool():
    docs = Scope(READ)
    one_file = docs.where(path="/srv/docs/a.txt")
    scope_within(one_file, docs)
    (capability,) = one_file.capabilities
    assert capability.arguments == {
        "limit": optional(at_most(100)),
        "path": optional("/srv/docs/a.txt")._replace(optional=False),
    }
    scope_within(Scope(any_call("a", "t")).where(x=1), Scope(any_call("a", "t")))


def test_where_cannot_be_made_to_widen_what_is_handed_on():
    docs = Scope(READ)
    for widened in (
        docs.where(path=anything()),
        docs.where(follow=True),
        docs.where(path=optional(under("/srv/docs"))),
    ):
        with pytest.raises(ScopeGrew):
            scope_within(widened, docs)


@pytest.mark.parametrize("scope", [Scope.EMPTY, SCOPE])
def test_where_needs_one_tool(scope: Scope):
    with pytest.raises(Refused, match="exactly one tool"):
        scope.where(path="/")


def test_only_gives_one_tool_or_says_that_it_is_not_there():
    assert SCOPE.only("files", "read").capabilities == (SCOPE.find("files", "read"),)
    with pytest.raises(ScopeGrew):
        SCOPE.only("files", "write")


def test_what_a_handoff_took_away_is_said_in_words():
    one_file = Scope(tool("files", "read", path="/srv/docs/a.txt"))
    made = chain("root -> planner", scopes=[SCOPE, one_file], lifetimes_ms=(900_000, 300_000))
    first, second = verify(made.token).links
    words = taken_away(second.link, first.link)
    assert words == [
        "billing.refund",
        "web.search",
        "files.read.limit",
        'files.read.path: a path under /srv/docs -> exactly "/srv/docs/a.txt"',
        "the last 10 min",
    ]
    assert taken_away(first.link, first.link) == []


def test_a_scope_is_described_for_people():
    assert (
        Scope(READ).describe()
        == "files.read(limit: an integer of at most 100 (optional), path: a path under /srv/docs)"
    )
    assert Scope.EMPTY.describe() == "nothing"
    assert repr(Scope(any_call("a", "t"))) == "Scope(a.t(any arguments))"


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        (anything(), "anything"),
        (exactly("a"), 'exactly "a"'),
        (exactly(0.5), "exactly 0.5"),
        (exactly({"b": 1, "a": [True, None]}), 'exactly {"a": [true, null], "b": 1}'),
        (one_of(2, "a", None, 0.5), 'one of "a", 0.5, 2, null'),
        (at_most(5), "an integer of at most 5"),
        (at_least(5), "an integer of at least 5"),
        (between(1, 5), "an integer from 1 to 5"),
        (at_most("0.50"), "at most 0.5"),
        (between("1", "5.5"), "at least 1 and at most 5.5"),
        (under("/srv"), "a path under /srv"),
        (each(at_most(5)), "a list, each member an integer of at most 5"),
        (fields(a=1, b=optional(2)), "an object with a: exactly 1, b: exactly 2 (optional)"),
        (fields(), "an object with no fields"),
    ],
)
def test_a_constraint_is_described_for_people(constraint: Any, words: str):
    assert constraint.describe() == words


@pytest.mark.parametrize("value", [(1, 2), {1}, b"x", object(), float("nan"), float("inf"), 2**53, "\ud800", {1: 2}])
def test_what_is_no_json_value_is_no_exact_value(value: Any):
    for make in (exactly, one_of, each, optional):
        with pytest.raises(NotPermitted):
            make(value)


@pytest.mark.parametrize(
    "value", [True, None, [5], "five", "", "5 ", float("nan"), Decimal("Infinity"), Decimal("1e99")]
)
def test_what_is_no_exact_number_is_no_bound(value: Any):
    for make in (at_most, at_least, lambda bound: between(0, bound), lambda bound: between(bound, 9)):
        if value is None and make not in (at_most, at_least):
            assert make(value)  # a range that is open on one side
            continue
        with pytest.raises(Refused):
            make(value)


def test_a_bound_is_the_number_that_was_written():
    assert at_most(0.1) == at_most("0.1") == at_most(Decimal("0.100"))
    assert at_most("50.00") == at_most(Decimal(50))
    assert at_most("50.00") != at_most(50)
    assert isinstance(at_most(50), IntegerRange)


def test_a_budget_of_steps_is_spent():
    steps = Steps(3)
    steps.take(3)
    with pytest.raises(NotPermitted) as caught:
        steps.take(1)
    assert caught.value.reason is Reason.EVALUATION_EXHAUSTED


def test_comparing_a_large_value_costs_steps_and_not_time():
    large = [[n] for n in range(900)]
    steps = Steps()
    assert exactly(large).allows(Arguments.of({"x": large}).values["x"], steps)
    assert steps.left < Steps().left - 1_800
