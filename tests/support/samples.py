"""A small world: constraints of every kind that nearly cover one another, and values that nearly satisfy them.

Small enough that everything can be asked about everything: what the random tests might miss is here on purpose.
"""

from __future__ import annotations

from typing import Any

from delegation.core.arguments import Arguments, Value
from delegation.core.constraints import (
    AllOf,
    AnyOf,
    Anything,
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
    Steps,
    SubPath,
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

POOLS: dict[type[Any], tuple[Constraint, ...]] = {
    Anything: (anything(),),
    Exact: (
        *map(exactly, (None, True, False, 0, 1, 5, 0.5, -0.5, "", "a", "ab", "5", "10.50", "/srv", "/srv/a")),
        *map(exactly, ("orders.eu.1", "https://example.org/v1", "10.1.2.3", "fd00::1")),
        *map(exactly, ([], [1], ["a", "b"], [True], {}, {"a": 1}, {"a": "1"})),
    ),
    OneOf: (
        one_of(1, 5),
        one_of(0, 1, 2, 3, 4, 5),
        one_of(0.5, 1),
        one_of("a", "ab"),
        one_of("a", "5", "10.50"),
        one_of("/srv", "/srv/a"),
        one_of("10.1.2.3", "10.1.2.4"),
        one_of("https://example.org/v1", "https://api.example.org/v1/a"),
        one_of(True, False),
        one_of(True, None),
        one_of("a", 1, True),
    ),
    NotOneOf: (
        none_of("a"),
        none_of("a", "ab"),
        none_of("/srv", "x"),
        none_of(5),
        none_of(5, 0.5),
        none_of("a", 5),
        none_of(True),
    ),
    IntegerRange: (at_most(5), at_least(0), between(0, 5), between(1, 5), between(1, 1), between(6, 9), at_least(6)),
    DecimalRange: (
        at_most("5"),
        at_least("0.5"),
        between("0", "5"),
        between("0.5", "0.5"),
        between("1", "1"),
        more_than(5),
        less_than("0.5"),
        DecimalRange.of(0, 5, minimum_exclusive=True),
        DecimalRange.of(5, 6, minimum_exclusive=True, maximum_exclusive=True),
    ),
    DecimalText: (
        decimal_text(at_most("50.00")),
        decimal_text(at_most(10)),
        decimal_text(between("5", "10.5")),
        decimal_text(less_than("10.5")),
    ),
    Length: (
        length(at_least=1),
        length(at_least=2),
        length(at_least=6),
        length(at_most=2),
        length(at_least=1, at_most=5),
        length(at_most=0),
    ),
    Prefix: tuple(map(starting_with, ("a", "ab", "/", "/srv", "/srv/a", "orders.", "https://example.org", "1", "10."))),
    SegmentGlob: (
        *map(matching_segments, ("/srv/*", "/srv/**", "/srv/*/b", "/*/**", "/srv/a", "*", "**", "srv/*", "/srv//**")),
        *(matching_segments(pattern, separator=".") for pattern in ("orders.*.*", "orders.eu.*", "orders.**", "*.**")),
    ),
    SubPath: tuple(map(under, ("/", "/srv", "/srv/a", "/srv/a/b", "/srvx", "/etc"))),
    Url: (
        url("https://example.org"),
        url("https://example.org", subdomains=True),
        url("https://api.example.org"),
        url("https://api.example.org", subdomains=True),
        url("https://example.org/v1"),
        url("https://example.org/v1/a", schemes=["http"]),
        url("https://example.org", schemes=["http"]),
        url("https://example.org:8443/v1"),
        url("https://10.1.2.3"),
        Url.of(["https"], "example.org", path_prefix="/"),
    ),
    Cidr: (
        *map(in_network, ("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "192.168.0.0/16")),
        *map(in_network, ("::/0", "fc00::/7", "fd00::/8", "fd00::1/128")),
    ),
    ListSubset: (subset_of("a"), subset_of("a", "b"), subset_of(1, 5), subset_of(True, None), subset_of("a", 1)),
    ListContains: (containing("a"), containing("a", "b"), containing(1), containing(True), containing("a", 1)),
    Each: (
        each(anything()),
        each(at_most(5)),
        each(between(0, 5)),
        each(one_of("a", "b")),
        each(one_of("a")),
        each(starting_with("a")),
        each(each(anything())),
        each(none_of("a")),
        each(1),
    ),
    Fields: (
        fields(),
        fields(a=1),
        fields(a=between(0, 5)),
        fields(a=optional(1)),
        fields(a=anything(), b=optional("x")),
        fields(a=fields(a=optional(anything()))),
    ),
    Regex: tuple(map(matching, ("a.*", "[ab]+", "a", r"\d+", "/srv(/.*)?", ".*"))),
    Negation: tuple(
        map(
            not_,
            (
                *map(exactly, (True, 5, 0.5, "a", "/srv", [], [1], {"a": 1}, {})),
                one_of("a", "ab"),
                one_of(1, 5),
                at_most(5),
                between(1, 5),
                at_most("5"),
                between("0", "5"),
                decimal_text(at_most(10)),
                length(at_least=2),
                length(at_most=5),
                starting_with("a"),
                starting_with("/srv/a"),
                matching_segments("/srv/*"),
                under("/srv"),
                under("/srv/a"),
                url("https://example.org", subdomains=True),
                url("https://example.org/v1"),
                in_network("10.0.0.0/8"),
                in_network("10.1.0.0/16"),
                subset_of("a", "b"),
                containing("a"),
                matching("a.*"),
            ),
        )
    ),
    AllOf: (
        all_of(under("/srv"), not_(under("/srv/a"))),
        all_of(under("/srv"), not_("/srv/a"), length(at_most=10)),
        all_of(at_least(0), at_most(5)),
        all_of(between(0, 9), none_of(5)),
        all_of(starting_with("ab"), starting_with("a")),
        all_of(one_of("a", "ab", "b"), starting_with("a")),
        all_of(length(at_least=1), length(at_most=5)),
        all_of(each(one_of("a", "b")), length(at_least=1)),
        all_of(in_network("10.0.0.0/8"), not_(in_network("10.1.0.0/16"))),
        all_of(any_of(under("/srv"), under("/etc")), not_(under("/srv/a"))),
        all_of(fields(a=1), fields(a=anything(), b=optional("x"))),
        all_of(more_than(0), none_of(0.5)),
        all_of(one_of(1), one_of(2)),
        all_of(anything(), starting_with("b")),
    ),
    AnyOf: (
        any_of(under("/srv"), under("/etc")),
        any_of("/srv/a", under("/etc")),
        any_of(between(0, 3), between(4, 5)),
        any_of(None, at_most(5)),
        any_of(one_of("a", "b"), starting_with("ab")),
        any_of(1, 5),
        any_of(all_of(under("/srv"), not_("/srv")), decimal_text(at_most(10))),
        any_of(each(1), each(one_of("a"))),
        any_of(url("https://example.org/v1"), url("https://api.example.org")),
    ),
}

CONSTRAINTS: tuple[Constraint, ...] = tuple(constraint for pool in POOLS.values() for constraint in pool)

_STRINGS = (
    *("", "a", "b", "x", "ab", "abc", "ba", "1", "5", "10", "10.5", "10.50", "50.00", "50.01", "-1", "-0", "1e1"),
    *("true", "null", "/", "/srv", "/srv/", "/srv/a", "/srv/a/b", "/srv/b", "/srv/x/b", "/srvx", "/etc", "/etc/passwd"),
    *("/srv/../etc", "/srv/./a", "/srv//a", "/srv/a%2fb", "/srv\\a", "/srv/a\n", "srv", "srv/a", "//srv", "/srv//"),
    *("orders", "orders.", "orders.eu", "orders.eu.1", "orders.us.1", "orders.eu.1.2", "orders..1", "invoices.eu.1"),
    *("https://example.org", "https://example.org/", "https://example.org/v1", "https://example.org/v1/a?x=1"),
    *("http://example.org/v1/a", "https://example.org/v10", "https://example.org:8443/v1", "https://example.org:443"),
    *("https://api.example.org", "https://api.example.org/v1/a", "https://a.api.example.org/", "https://xexample.org"),
    *("https://example.org@evil.test/", "https://EXAMPLE.org/", "https://example.org/v1/../x", "https://10.1.2.3/"),
    *("10.1.2.3", "10.1.2.4", "10.2.0.1", "192.168.0.1", "8.8.8.8", "010.1.2.3", "10.1.2", "::1", "fd00::1", "fc00::1"),
    *("FD00::1", "fd00:0::1", "::ffff:10.1.2.3", "2001:db8::1", "a" * 6, "a" * 7, "ab" * 40, "ä", "\U0001f600"),
)
_RAW: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 3, 4, 5, 6, 9, 10, -1, 2**53 - 1, -(2**53) + 1, 0.5, 0.25, 1.5, 5.5, 4.999, -0.5),
    *_STRINGS,
    *([], [1], [5], [6], [0], [True], [None], ["a"], ["b"], ["a", "b"], ["a", "a"], ["ab"], [1, 5], [1, "a"], [[]]),
    *([[1]], [["a"]], [{}], [0.5], ["a", "b", "c"], [True, None], [1] * 6, ["a", 1, True], [False]),
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
