"""Constraints of every kind, by hand: pairs of which the child is wider, and pairs of which it is narrower."""

from __future__ import annotations

from typing import Any

from attacks.suite import writer as w

Pair = tuple[bytes, bytes, Any]
"""The parent's constraint, the child's, and a value: one that the child would gain, or one that both allow."""


def field_a(constraint: bytes, *, optional: bool = False) -> bytes:
    return w.argument("a", constraint, optional=optional)


WIDENED: dict[str, Pair] = {
    # paths
    "a path above": (w.sub_path("/srv/docs"), w.sub_path("/srv"), "/srv/secret"),
    "a path beside": (w.sub_path("/srv/docs"), w.sub_path("/srv/docs2"), "/srv/docs2"),
    "a path whose name is cut": (w.sub_path("/srv/docs"), w.sub_path("/srv/doc"), "/srv/doc/a"),
    "the root of all paths": (w.sub_path("/srv/docs"), w.sub_path("/"), "/etc/passwd"),
    "a path in other letters": (w.sub_path("/srv/docs"), w.sub_path("/srv/Docs"), "/srv/Docs"),
    "one path outside": (w.sub_path("/srv/docs"), w.string("/etc/passwd"), "/etc/passwd"),
    "one path that leads out": (w.sub_path("/srv/docs"), w.string("/srv/docs/../secret"), "/srv/docs/../secret"),
    # numbers
    "a greater maximum": (w.integers(maximum=100), w.integers(maximum=101), 101),
    "a smaller minimum": (w.integers(minimum=1), w.integers(minimum=0), 0),
    "no maximum": (w.integers(1, 100), w.integers(minimum=1), 10**9),
    "no minimum": (w.integers(1, 100), w.integers(maximum=100), -(10**9)),
    "the greatest maximum": (w.integers(maximum=100), w.integers(maximum=2**53 - 1), 2**53 - 1),
    "another range": (w.integers(1, 10), w.integers(11, 20), 11),
    "one number outside": (w.integers(1, 10), w.integer(11), 11),
    "a greater decimal maximum": (w.decimals(maximum="50"), w.decimals(maximum="50.01"), 50.01),
    "a decimal bound included": (
        w.decimals(maximum="50", below=True),
        w.decimals(maximum="50"),
        50,
    ),
    "a lower decimal bound included": (w.decimals("0", above=True), w.decimals("0"), 0),
    "fractions of a range of integers": (w.integers(0, 5), w.decimals("0", "5"), 0.5),
    "integers to an excluded bound": (w.decimals(maximum="5", below=True), w.integers(maximum=5), 5),
    "a greater amount in words": (w.decimal_text(maximum="50"), w.decimal_text(maximum="50.01"), "50.01"),
    "an amount in words with its bound": (w.decimal_text(maximum="5", below=True), w.decimal_text(maximum="5"), "5.0"),
    # one, and one of
    "another text": (w.string("a"), w.string("b"), "b"),
    "another number": (w.integer(1), w.integer(2), 2),
    "another boolean": (w.boolean(False), w.boolean(True), True),
    "another fraction": (w.decimal("0.5"), w.decimal("0.25"), 0.25),
    "another list": (w.list_of(w.field(4, 2)), w.list_of(w.field(4, 4)), [2]),
    "one member more": (w.one_of("EUR", "USD"), w.one_of("EUR", "GBP", "USD"), "GBP"),
    "other members": (w.one_of("EUR", "USD"), w.one_of("GBP"), "GBP"),
    "null as a member": (w.one_of("EUR"), w.one_of("EUR", null=True), None),
    "a number as a member": (w.one_of("1"), w.one_of("1", integers=[1]), 1),
    "one that is not a member": (w.one_of("EUR", "USD"), w.string("GBP"), "GBP"),
    "one exception less": (w.not_one_of("admin", "root"), w.not_one_of("root"), "admin"),
    "another exception": (w.not_one_of("root"), w.not_one_of("nobody"), "root"),
    "what was the exception": (w.not_one_of("root"), w.string("root"), "root"),
    # texts
    "a longer text": (w.length(maximum=10), w.length(maximum=11), "x" * 11),
    "a shorter text": (w.length(2), w.length(1), "x"),
    "a text without a longest": (w.length(1, 10), w.length(1), "x" * 100),
    "a shorter prefix": (w.prefix("news "), w.prefix("news"), "newsletter"),
    "another prefix": (w.prefix("news "), w.prefix("notes "), "notes a"),
    "one text without the prefix": (w.prefix("news "), w.string("old news "), "old news "),
    "a glob of more segments": (w.glob("a/*"), w.glob("a/**"), "a/b/c"),
    "a glob with a star more": (w.glob("a/b/*"), w.glob("a/*/*"), "a/c/d"),
    "a glob of another segment": (w.glob("a/b/*"), w.glob("a/c/*"), "a/c/d"),
    "a glob of fewer segments": (w.glob("a/*/*"), w.glob("a/*"), "a/b"),
    "a glob by another separator": (w.glob("a/*"), w.glob("a.*", "."), "a.b"),
    "one text beside the glob": (w.glob("a/*"), w.string("a/b/c"), "a/b/c"),
    "another expression": (w.regex("[a-z]+"), w.regex("[a-z0-9]+"), "a1"),
    "an expression with an alternative more": (w.regex("a|b"), w.regex("a|b|c"), "c"),
    "one text beside the expression": (w.regex("[a-z]+"), w.string("A"), "A"),
    # addresses
    "a scheme more": (w.url("https", host="a.example"), w.url("http", "https", host="a.example"), "http://a.example"),
    "another host": (w.url("https", host="a.example"), w.url("https", host="b.example"), "https://b.example"),
    "subdomains, too": (
        w.url("https", host="a.example"),
        w.url("https", host="a.example", subdomains=True),
        "https://b.a.example",
    ),
    "a domain above": (
        w.url("https", host="a.example", subdomains=True),
        w.url("https", host="example", subdomains=True),
        "https://b.example",
    ),
    "a domain that ends the same": (
        w.url("https", host="a.example", subdomains=True),
        w.url("https", host="xa.example", subdomains=True),
        "https://xa.example",
    ),
    "another port": (
        w.url("https", host="a.example"),
        w.url("https", host="a.example", port=8443),
        "https://a.example:8443",
    ),
    "no port": (w.url("https", host="a.example", port=8443), w.url("https", host="a.example"), "https://a.example"),
    "any path of a URL": (
        w.url("https", host="a.example", path="/v1"),
        w.url("https", host="a.example"),
        "https://a.example/",
    ),
    "a path of a URL above": (
        w.url("https", host="a.example", path="/v1/a"),
        w.url("https", host="a.example", path="/v1"),
        "https://a.example/v1/b",
    ),
    "a path of a URL beside": (
        w.url("https", host="a.example", path="/v1"),
        w.url("https", host="a.example", path="/v10"),
        "https://a.example/v10",
    ),
    "a larger network": (w.cidr("10.1.0.0/16"), w.cidr("10.0.0.0/8"), "10.2.0.1"),
    "another network": (w.cidr("10.1.0.0/16"), w.cidr("10.2.0.0/16"), "10.2.0.1"),
    "all addresses": (w.cidr("10.1.0.0/16"), w.cidr("0.0.0.0/0"), "8.8.8.8"),
    "a network of the other version": (w.cidr("0.0.0.0/0"), w.cidr("::/0"), "::1"),
    "one address outside": (w.cidr("10.1.0.0/16"), w.string("10.2.0.1"), "10.2.0.1"),
    # lists and objects
    "a member of lists more": (w.list_subset("a", "b"), w.list_subset("a", "b", "c"), ["c"]),
    "a member of lists dropped": (w.list_contains("a", "b"), w.list_contains("a"), ["a"]),
    "another member of lists": (w.list_contains("a"), w.list_contains("b"), ["b"]),
    "wider members": (w.each(w.integers(0, 5)), w.each(w.integers(0, 6)), [6]),
    "members of members": (w.each(w.each(w.string("a"))), w.each(w.each(w.anything())), [["b"]]),
    "members beside the set": (w.each(w.one_of("a")), w.list_subset("a", "b"), ["b"]),
    "a field more": (
        w.object_of(field_a(w.anything())),
        w.object_of(field_a(w.anything()), w.argument("b", w.anything())),
        {"a": 1, "b": 1},
    ),
    "a wider field": (w.object_of(field_a(w.integers(0, 5))), w.object_of(field_a(w.integers(0, 6))), {"a": 6}),
    "a field that may be left out": (
        w.object_of(field_a(w.integer(1))),
        w.object_of(field_a(w.integer(1), optional=True)),
        {},
    ),
    "a required field dropped": (w.object_of(field_a(w.integer(1))), w.object_of(), {}),
    # several
    "a conjunct dropped": (
        w.all_of(w.prefix("a"), w.length(maximum=3)),
        w.all_of(w.prefix("a")),
        "abcd",
    ),
    "a conjunct widened": (
        w.all_of(w.prefix("a"), w.length(maximum=3)),
        w.all_of(w.prefix("a"), w.length(maximum=4)),
        "abcd",
    ),
    "an alternative more": (w.any_of(w.string("a"), w.string("b")), w.any_of(w.string("a"), w.string("c")), "c"),
    "a wider alternative": (w.any_of(w.prefix("ab"), w.integer(1)), w.any_of(w.prefix("a"), w.integer(1)), "ac"),
    "an alternative of another type": (w.any_of(w.string("a")), w.any_of(w.string("a"), w.integer(1)), 1),
    "conjuncts made alternatives": (
        w.all_of(w.prefix("a"), w.length(maximum=3)),
        w.any_of(w.prefix("a"), w.length(maximum=3)),
        "abcd",
    ),
    "less forbidden": (w.negation(w.sub_path("/etc")), w.negation(w.sub_path("/etc/ssl")), "/etc/passwd"),
    "what was forbidden": (w.negation(w.sub_path("/etc")), w.sub_path("/etc"), "/etc"),
    "more than what was not forbidden": (w.negation(w.sub_path("/etc")), w.sub_path("/"), "/etc"),
    "what a negation does not speak of": (w.negation(w.integer(5)), w.negation(w.string("a")), "b"),
}

NARROWED: dict[str, Pair] = {
    "a path below": (w.sub_path("/srv/docs"), w.sub_path("/srv/docs/a"), "/srv/docs/a/b"),
    "one path inside": (w.sub_path("/srv/docs"), w.string("/srv/docs/a.txt"), "/srv/docs/a.txt"),
    "the same path": (w.sub_path("/srv/docs"), w.sub_path("/srv/docs"), "/srv/docs"),
    "a smaller maximum": (w.integers(maximum=100), w.integers(maximum=99), 99),
    "a minimum besides": (w.integers(maximum=100), w.integers(1, 100), 1),
    "one number inside": (w.integers(1, 10), w.integer(10), 10),
    "a smaller decimal maximum": (w.decimals(maximum="50"), w.decimals(maximum="49.99"), 49.99),
    "a decimal bound excluded": (w.decimals(maximum="50"), w.decimals(maximum="50", below=True), 49),
    "integers of a decimal range": (w.decimals("0", "5"), w.integers(0, 5), 5),
    "a smaller amount in words": (w.decimal_text(maximum="50"), w.decimal_text(maximum="49.99"), "49.990"),
    "one member less": (w.one_of("EUR", "USD"), w.one_of("EUR"), "EUR"),
    "one of the members": (w.one_of("EUR", "USD"), w.string("EUR"), "EUR"),
    "one exception more": (w.not_one_of("root"), w.not_one_of("admin", "root"), "guest"),
    "a text shorter at most": (w.length(maximum=10), w.length(maximum=9), "x" * 9),
    "a longer prefix": (w.prefix("news"), w.prefix("news "), "news today"),
    "a glob with a star less": (w.glob("a/*/*"), w.glob("a/b/*"), "a/b/c"),
    "a glob of fewer pieces": (w.glob("a/**"), w.glob("a/*"), "a/b"),
    "the same expression": (w.regex("[a-z]+"), w.regex("[a-z]+"), "abc"),
    "one text of the expression": (w.regex("[a-z]+"), w.string("abc"), "abc"),
    "a subdomain of a URL": (
        w.url("https", host="a.example", subdomains=True),
        w.url("https", host="b.a.example"),
        "https://b.a.example/x",
    ),
    "a path of a URL below": (
        w.url("https", host="a.example", path="/v1"),
        w.url("https", host="a.example", path="/v1/a"),
        "https://a.example/v1/a/b?q=1",
    ),
    "a smaller network": (w.cidr("10.0.0.0/8"), w.cidr("10.1.0.0/16"), "10.1.2.3"),
    "one address inside": (w.cidr("10.0.0.0/8"), w.string("10.1.2.3"), "10.1.2.3"),
    "fewer members of lists": (w.list_subset("a", "b"), w.list_subset("a"), ["a", "a"]),
    "more members that must be there": (w.list_contains("a"), w.list_contains("a", "b"), ["b", "a"]),
    "narrower members": (w.each(w.integers(0, 5)), w.each(w.integers(0, 4)), [4, 0]),
    "a narrower field": (w.object_of(field_a(w.integers(0, 5))), w.object_of(field_a(w.integer(5))), {"a": 5}),
    "an optional field dropped": (w.object_of(field_a(w.integer(1), optional=True)), w.object_of(), {}),
    "a conjunct more": (w.prefix("a"), w.all_of(w.prefix("a"), w.length(maximum=3)), "abc"),
    "an alternative less": (w.any_of(w.string("a"), w.integer(1)), w.integer(1), 1),
    "alternatives that are all inside": (
        w.sub_path("/srv"),
        w.any_of(w.sub_path("/srv/a"), w.sub_path("/srv/b")),
        "/srv/b/c",
    ),
    "more forbidden": (w.negation(w.sub_path("/etc/ssl")), w.negation(w.sub_path("/etc")), "/srv"),
    "a path that is not forbidden": (w.negation(w.sub_path("/etc")), w.sub_path("/srv"), "/srv/a"),
}
"""The value is one that both allow."""

OF_A_KIND: dict[str, bytes] = {
    "exact_null": w.null(),
    "exact_boolean": w.boolean(True),
    "exact_string": w.string("text"),
    "exact_integer": w.integer(-7),
    "exact_decimal": w.decimal("-0.5"),
    "exact_composite": w.list_of(w.field(1, 1)),
    "one_of": w.one_of("first", integers=[70], decimals=["0.75"], false=True),
    "not_one_of": w.not_one_of(true=True),
    "integer_range": w.integers(1000, 10**6),
    "decimal_range": w.decimals("2000000.5", "3000000"),
    "decimal_text": w.decimal_text("1", "9"),
    "length": w.length(50, 60),
    "prefix": w.prefix("begins "),
    "segment_glob": w.glob("x:*:y", ":"),
    "sub_path": w.sub_path("/srv/docs"),
    "url": w.url("https", host="a.example"),
    "cidr": w.cidr("10.0.0.0/8"),
    "list_subset": w.list_subset("of", "these"),
    "list_contains": w.list_contains("needed"),
    "each": w.each(w.integers(1, 3)),
    "fields": w.object_of(field_a(w.boolean(True))),
    "regex": w.regex("[0-9]{4}-[0-9]{2}"),
    "negation": w.negation(w.cidr("10.0.0.0/8")),
    "all_of": w.all_of(w.prefix("all "), w.length(5, 9)),
    "any_of": w.any_of(w.string("this one"), w.integer(42)),
}
"""One of each kind, chosen so that each allows something that no other allows."""

VALUE_OF_A_KIND: dict[str, Any] = {
    "exact_null": None,
    "exact_boolean": True,
    "exact_string": "text",
    "exact_integer": -7,
    "exact_decimal": -0.5,
    "exact_composite": [None],
    "one_of": "first",
    "not_one_of": False,
    "integer_range": 1000,
    "decimal_range": 2000000.75,
    "decimal_text": "5.00",
    "length": "x" * 55,
    "prefix": "begins here",
    "segment_glob": "x:1:y",
    "sub_path": "/srv/docs/a",
    "url": "https://a.example/b",
    "cidr": "10.1.2.3",
    "list_subset": ["of", "these"],
    "list_contains": ["also", "needed"],
    "each": [1, 2],
    "fields": {"a": True},
    "regex": "2026-11",
    "negation": "192.168.0.1",
    "all_of": "all good",
    "any_of": 42,
}
"""A value that the constraint of that kind allows."""
