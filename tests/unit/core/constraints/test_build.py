"""Constraints as people write them: they read like English, and refuse what a decoder would refuse."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import delegation_sdk
from delegation.core.codec import decode_scope, encode_scope
from delegation.core.constraints import (
    AllOf,
    AnyOf,
    DecimalRange,
    DecimalText,
    Negation,
    NotOneOf,
    OneOf,
    Url,
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
    less_than,
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
from delegation.core.constraints.build import FAMILY
from delegation.core.constraints.words import ROOM
from delegation.core.narrowing import scope_within
from delegation.core.scope import Scope, tool
from delegation.errors import Reason, Refused, ScopeGrew
from support.samples import CONSTRAINTS

WORDS = [
    (none_of("admin", 5), 'none of "admin", 5'),
    (more_than("0.5"), "more than 0.5"),
    (less_than(5), "less than 5"),
    (decimal_text(at_most("50.00")), "decimal text of at most 50"),
    (decimal_text(between(1, 5)), "decimal text of at least 1 and at most 5"),
    (length(at_most=5), "a string or list of length 5 or less"),
    (length(at_least=2), "a string or list of length 2 or more"),
    (length(at_least=2, at_most=5), "a string or list of length 2 to 5"),
    (starting_with("INV-"), 'a string that begins with "INV-"'),
    (matching_segments("orders.eu.*", separator="."), 'a string like "orders.eu.*", in segments by "."'),
    (url("https://example.org/v1"), "a URL: https, host example.org, path under /v1"),
    (
        url("https://example.org:8443", subdomains=True, schemes=["http"]),
        "a URL: http or https, host example.org or its subdomains, port 8443",
    ),
    (in_network("10.0.0.0/8"), "an IP address in 10.0.0.0/8"),
    (subset_of("a", 1), 'a list of nothing but "a", 1'),
    (containing("a", None), 'a list with "a", null in it'),
    (matching(r"INV-\d{6}"), r'a string that matches "INV-\\d{6}"'),
    (not_(under("/etc")), "not a path under /etc"),
    (all_of(under("/srv"), not_("/srv/x")), 'a path under /srv and not exactly "/srv/x"'),
    (any_of(None, at_most("5")), "exactly null or (at most 5)"),
    (all_of(any_of(1, 2), 1), "(exactly 1 or exactly 2) and exactly 1"),
]


@pytest.mark.parametrize(("constraint", "words"), WORDS, ids=lambda part: None)
def test_a_constraint_is_described_for_people(constraint: Any, words: str):
    assert constraint.describe() == words


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=lambda c: c.describe())
def test_what_is_built_is_what_is_decoded(constraint: Any):
    scope = Scope(tool("a", "t", x=constraint, y=optional(each(constraint))))
    assert decode_scope(encode_scope(scope)) == scope


HELPERS = """
all_of any_of anything at_least at_most between containing decimal_text each exactly fields in_network length less_than
matching matching_segments more_than none_of not_ one_of optional starting_with subset_of under url
approved_by at_most_calls budget
"""


def test_every_helper_is_there_for_agents_and_tools():
    assert set(HELPERS.split()) <= set(delegation_sdk.__all__)
    assert all(getattr(delegation_sdk, name).__doc__ for name in HELPERS.split())
    assert {type(constraint) for constraint in CONSTRAINTS} == set(FAMILY)


# -- negation ------------------------------------------------------------------------------------------------------


def test_a_negation_is_taken_apart_until_it_can_be_written():
    etc, srv = under("/etc"), under("/srv")
    assert not_(any_of(etc, srv)) == AllOf((Negation(etc), Negation(srv)))
    assert not_(all_of(etc, "x")) == AnyOf((Negation(etc), Negation(exactly("x"))))
    assert not_(not_(etc)) == etc
    assert not_(none_of("a")) == one_of("a")
    assert not_(any_of(all_of(etc, not_(srv)), "x")) == AllOf((AnyOf((Negation(etc), srv)), Negation(exactly("x"))))
    assert not_("a") == Negation(exactly("a"))


NOT_NEGATED = [anything(), None, one_of("a", None), each(1), fields(), any_of(1, each(1)), all_of(anything())]


@pytest.mark.spec("S-22")
@pytest.mark.parametrize("constraint", NOT_NEGATED, ids=repr)
def test_what_cannot_be_negated_is_refused(constraint: Any):
    with pytest.raises(Refused) as caught:
        not_(constraint)
    assert caught.value.reason is Reason.FIELD_INVALID


# -- what is taken, and what is not ----------------------------------------------------------------------------------


def test_what_is_written_is_brought_into_its_form():
    assert under("/srv/") == under("/srv")
    assert url("https://example.org/") == url("https://example.org") == Url(("https",), "example.org")
    assert url("https://example.org/v1/") == url("https://example.org/v1")
    assert url("https://a.test", schemes=["https", "http"]).schemes == ("http", "https")
    assert decimal_text(at_most(5)) == DecimalText(DecimalRange(None, 5))
    assert none_of("a", "a") == NotOneOf(OneOf(frozenset({"a"})))
    assert list(fields(b=1, a=2).fields) == ["a", "b"]
    assert more_than(0) == DecimalRange(0, None, minimum_exclusive=True)


WRONG = {
    "none of nothing": none_of,
    "none of null": lambda: none_of(None),
    "a list of nothing": subset_of,
    "a list that contains nothing": containing,
    "text of no range": lambda: decimal_text(one_of("1")),
    "text of a number": lambda: decimal_text(5),
    "more than true": lambda: more_than(True),
    "less than text": lambda: less_than("many"),
    "a range with nothing in it": lambda: between(2, 1),
    "NaN": lambda: between(Decimal("NaN"), 1),
    "an integer that no field holds": lambda: at_least("0") and between("0", 10**5000),
    "no length": length,
    "a length below nought": lambda: length(at_least=-1),
    "a length of nothing": lambda: length(at_least=2, at_most=1),
    "a length that no field holds": lambda: length(at_most=2**32),
    "a length of true": lambda: length(at_most=True),
    "a length of text": lambda: length(at_least="1"),
    "no beginning": lambda: starting_with(""),
    "a beginning that is no text": lambda: starting_with(5),
    "a beginning that is not Unicode": lambda: starting_with("\ud800"),
    "a star inside": lambda: matching_segments("/srv/a*"),
    "an empty segment": lambda: matching_segments("/srv//*"),
    "another separator": lambda: matching_segments("a", separator="x"),
    "two separators": lambda: matching_segments("a", separator="::"),
    "a relative path": lambda: under("srv"),
    "a path with a parent": lambda: under("/srv/.."),
    "a path that is no text": lambda: under(None),
    "a host": lambda: url("example.org"),
    "a URL with a query": lambda: url("https://example.org/?q"),
    "a URL with an empty query": lambda: url("https://example.org?"),
    "a URL with a user": lambda: url("https://a@example.org"),
    "a URL with the default port": lambda: url("https://example.org:443"),
    "a URL with the default port of another scheme": lambda: url("https://example.org:80", schemes=["http"]),
    "subdomains of an address": lambda: url("https://10.0.0.1", subdomains=True),
    "a scheme in upper case": lambda: url("https://example.org", schemes=["HTTP"]),
    "an address": lambda: in_network("10.0.0.1"),
    "a network with bits that do not count": lambda: in_network("10.0.0.1/8"),
    "a network that is no text": lambda: in_network(10),
    "no expression": lambda: matching(""),
    "an expression with a flag": lambda: matching("(?i)a"),
    "all of none": all_of,
    "any of none": any_of,
}


@pytest.mark.parametrize("name", WRONG)
def test_nobody_can_build(name: str):
    with pytest.raises(Refused) as caught:
        WRONG[name]()
    assert caught.value.reason is Reason.FIELD_INVALID


@pytest.mark.parametrize("value", [(1, 2), {1}, b"x", object(), float("nan"), "\ud800", {1: 2}])
def test_what_is_no_json_value_is_none_of_a_constraint_either(value: Any):
    for make in (none_of, subset_of, containing, all_of, any_of, not_):
        with pytest.raises(Refused) as caught:
            make(value)
        assert caught.value.reason is Reason.ARGUMENTS_INVALID


# -- what people read has a length -------------------------------------------------------------------------------------

LONG = [
    exactly("x" * 4096),
    exactly(["x" * 4000] * 5),
    exactly({f"k{n}": [n] * 5 for n in range(400)}),
    one_of(*range(1000)),
    none_of(*(f"{n:03}" * 20 for n in range(60))),
    subset_of(*range(1000)),
    containing(*range(1000)),
    under("/" + "a" * 4000),
    starting_with("a" * 4000),
    matching_segments("/".join(["a"] * 2000)),
    url("https://a.test/" + "a" * 4000),
    Url.of([f"s{n}{'x' * 900}" for n in range(8)], "a.test"),
    matching("a" * 256),
    all_of(*map(under, (f"/{n}{'a' * 99}" for n in range(64)))),
    any_of(*(all_of(*range(64)) for _ in range(64))),
    each(each(one_of(*range(1000)))),
    fields(**{f"name{n:02}": one_of(*range(50)) for n in range(64)}),
    not_(one_of(*range(1000))),
    fields(**{"n" * 500: fields(**{"m" * 500: 1})}),
]


@pytest.mark.parametrize("constraint", LONG, ids=lambda c: f"{type(c).__name__}: {c.describe()[:40]}")
def test_a_description_does_not_grow_with_what_it_describes(constraint: Any):
    words = constraint.describe()
    assert ROOM // 4 < len(words) < 2 * ROOM
    assert len(tool("a", "t", x=constraint, y=constraint).describe()) < 3 * ROOM
    assert len(Scope(*(tool("a", f"t{n}", x=constraint) for n in range(9))).describe()) < 8 * ROOM


def nested_fields(inside: Any) -> Any:
    for depth in range(12):
        inside = fields(**{chr(97 + depth) * 500: inside})
    return inside


def test_a_refusal_does_not_grow_with_what_it_refuses():
    wide, narrow = (
        Scope(tool("a", "t", x=nested_fields(each(one_of(*some))))) for some in (range(900), range(1, 1000))
    )
    with pytest.raises(ScopeGrew) as caught:
        scope_within(narrow, wide)
    assert len(str(caught.value)) < 5 * ROOM
    assert caught.value.detail.startswith("field lll")


def test_a_description_says_how_much_it_leaves_out():
    words = one_of(*range(1000)).describe()
    shown = words.removeprefix("one of ").split(", ")
    assert shown[:3] == ["0", "1", "2"]
    assert shown[-1] == f"… {1000 - (len(shown) - 1)} more"
    assert exactly("x" * 4096).describe() == f'exactly "{"x" * ROOM}"…'


def test_numbers_are_shown_as_they_are_written():
    assert at_least("0.10").describe() == "at least 0.1"
    assert one_of(Decimal("0.50"), -1).describe() == "one of -1, 0.5"
