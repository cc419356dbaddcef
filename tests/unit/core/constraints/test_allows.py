"""What each kind of constraint allows and refuses; what it does not speak of, it refuses even when it is negated."""

from __future__ import annotations

from typing import Any

import pytest

from delegation.core.arguments import Arguments, Value
from delegation.core.constraints import (
    Constraint,
    Steps,
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


def typed(value: Any) -> Value:
    return Arguments.of({"value": value}).values["value"]


# The constraint, what it allows, what it speaks of and refuses, what it does not speak of.
TABLE: list[tuple[Constraint, list[Any], list[Any], list[Any]]] = [
    (anything(), [None, True, 0, 0.5, "", [], {}], [], []),
    (exactly(True), [True], [False], [1, "true", None]),
    (exactly(5), [5, 5.0], [4, 0.5], ["5", True]),
    (exactly(0.5), [0.5], [5], ["0.5"]),
    (exactly("a"), ["a"], ["", "A", "ab"], [None, ["a"]]),
    (exactly([1, "a"]), [[1, "a"]], [[], [1], ["a", 1], [True, "a"]], ["", {}]),
    (exactly({"a": 1}), [{"a": 1}], [{}, {"a": True}, {"a": 1, "b": 1}], [[], "a"]),
    (one_of("a", 5, True), ["a", 5, True], ["b", 4, 0.5, False], [None, []]),
    (between(1, 5), [1, 5], [0, 6], [1.5, "1", True]),
    (at_most(5), [5, -(2**53) + 1], [6], [4.5]),
    (at_least("0.5"), [0.5, 1], [0, 0.4999], ["0.5", True]),
    (more_than(0), [0.001, 1], [0, -1], ["1"]),
    (less_than("5.5"), [5.499, 5, -1], [5.5, 6], [None]),
    (decimal_text(at_most("50.00")), ["50", "50.00", "0.00", "-7"], ["50.01", "51"], [50, "50,00", "5e1", "+5", "05"]),
    (
        decimal_text(at_least(-1)),
        ["-1.000", "0"],
        ["-1.001"],
        ["-0", "-0.00", ".5", "5.", " 5", "5\n", "\u0665", "1" * 65],
    ),
    (length(at_least=1, at_most=2), ["a", "ab", "😀😀", [1], [1, 2]], ["", "abc", [], [1, 2, 3]], [12, None, {"a": 1}]),
    (length(at_most=0), ["", []], ["a", [1]], [0]),
    (starting_with("/srv"), ["/srv", "/srvx", "/srv/../etc"], ["", "/sr", "x/srv"], [None, ["/srv"]]),
    (matching_segments("/srv/*"), ["/srv/a", "/srv/*"], ["/srv", "/srv/a/b", "srv/a", "/SRV/a"], ["/srv/", "/srv//a"]),
    (matching_segments("/srv/**"), ["/srv/a", "/srv/a/b"], ["/srv", "/srvx/a"], ["/srv/../a", "/srv/a%2Fb", "/srv\\a"]),
    (matching_segments("*"), ["a", "*", "**"], ["", "a/b", "/a"], ["..", ".", "a\n", "a/", 5]),
    (
        matching_segments("orders.*.**", separator="."),
        ["orders.eu.1", "orders.eu.1.2", "orders./.1"],
        ["orders.eu", "orders..1", "orders.eu.", "x.eu.1"],
        ["orders.eu\\.1", "orders.\x00.1", "orders.%41.1"],
    ),
    (
        under("/srv"),
        ["/srv", "/srv/a", "/srv/.hidden", "/srv/a b/ä"],
        ["/", "/srvx", "/etc"],
        ["/srv/", "/srv/..", "srv"],
    ),
    (
        url("https://example.org/v1"),
        ["https://example.org/v1", "https://example.org/v1/a%20b", "https://example.org/v1?x=/../%00"],
        ["https://example.org/", "https://example.org/v10", "http://example.org/v1", "https://example.org:81/v1"],
        ["https://example.org:443/v1", "https://example.org/v1/", "https://example.org/v1/../v1", "v1"][:1],
    ),
    (
        url("https://example.org", subdomains=True),
        ["https://example.org", "https://example.org/", "https://a.b.example.org/x"],
        ["https://xexample.org", "https://example.org.evil.test", "https://org"],
        ["https://EXAMPLE.org", "https://example.org.", "https://.example.org", "https://a..example.org"],
    ),
    (in_network("10.0.0.0/8"), ["10.0.0.0", "10.255.255.255"], ["11.0.0.0", "::1"], ["010.0.0.1", "10.1", "167772161"]),
    (in_network("fc00::/7"), ["fc00::", "fdff::1"], ["fe00::", "10.0.0.1"], ["FC00::1", "fc00:0::1", "::ffff:a00:1"]),
    (subset_of("a", 1), [[], ["a"], [1, "a", 1]], [["b"], [True], ["a", None]], ["a", None, {}]),
    (containing("a", 1), [["a", 1], [1, 2, "a"]], [[], ["a"], ["a", True], ["1", "a"]], ["a1", {}]),
    (matching("a+b?"), ["a", "aab"], ["", "b", "ab\n", "xa", "aba"], [None, 5]),
]
CASES = [(row[0], value, True) for row in TABLE for value in row[1]]
CASES += [(row[0], value, False) for row in TABLE for value in row[2] + row[3]]


@pytest.mark.spec("S-4", "S-16")
@pytest.mark.parametrize(("constraint", "value", "allowed"), CASES, ids=lambda part: None)
def test_a_constraint_allows_just_what_it_says(constraint: Constraint, value: Any, allowed: bool):
    assert constraint.allows(typed(value), Steps()) is allowed, (constraint.describe(), value)


NEGATED = [row for row in TABLE if row[0] != anything()]


@pytest.mark.spec("S-16")
@pytest.mark.parametrize("row", NEGATED, ids=lambda row: row[0].describe())
def test_a_negation_allows_what_its_constraint_speaks_of_and_refuses_and_nothing_else(row: Any):
    constraint, allowed, refused, foreign = row
    negation = not_(constraint)
    for value in refused:
        assert negation.allows(typed(value), Steps()), value
    for value in (*allowed, *foreign):
        assert not negation.allows(typed(value), Steps()), value


def test_none_of_allows_the_others_of_the_same_types():
    constraint = none_of("admin", 5)
    for value in ("guest", "", 4, 0.5):
        assert constraint.allows(typed(value), Steps())
    for value in ("admin", 5, True, None, [], ["guest"], {}):
        assert not constraint.allows(typed(value), Steps())
    assert none_of(True).allows(False, Steps())
    assert not none_of(True).allows(0, Steps())


@pytest.mark.parametrize(
    ("constraint", "allowed", "refused"),
    [
        (all_of(under("/srv"), not_(under("/srv/secret"))), ["/srv", "/srv/a"], ["/srv/secret/a", "/etc", "/srv/.."]),
        (all_of(at_least(0), none_of(5)), [0, 6], [5, -1, 0.5, None]),
        (any_of(None, under("/srv")), [None, "/srv/a"], ["/etc", False, ""]),
        (any_of(all_of(at_least(0), at_most(1)), 5), [0, 1, 5], [2, 4, 6]),
        (each(any_of("a", at_most(5))), [[], ["a", 5]], [["b"], [6], "a"]),
        (
            fields(a=at_most(5), b=optional("x")),
            [{"a": 5}, {"a": 1, "b": "x"}],
            [{}, {"b": "x"}, {"a": 6}, {"a": 1, "c": 1}],
        ),
        (fields(), [{}], [{"a": 1}, [], None]),
    ],
    ids=lambda part: part.describe() if hasattr(part, "describe") else "",
)
def test_what_is_made_of_constraints(constraint: Constraint, allowed: list[Any], refused: list[Any]):
    for value in allowed:
        assert constraint.allows(typed(value), Steps()), value
    for value in refused:
        assert not constraint.allows(typed(value), Steps()), value
